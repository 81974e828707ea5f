import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readPerfScript, readPprof } from "#formats";
import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  loadLayouts,
  ModelBuilder,
  ParseError,
  type ProfilesModel,
  readProfiles,
  type ResourceRecord,
  SamplesBuilder,
} from "#otlp";
import type { IdentityEntry, ProfileStore } from "#store";
import {
  DEMO_HOST_PROCESSES,
  DEMO_NODES,
  DEMO_WORKLOADS,
  type DemoStacks,
  type DemoWorkload,
} from "./demo-workloads.ts";

const TESTDATA = join(import.meta.dirname, "../../../testdata");
const MINUTE = 60_000;
/** Samples a second of a busy CPU. Few, so that an hour of a cluster is filled in within seconds. */
const RATE = 5;
const CHUNK_MS = MINUTE;

/** Attributes of a container's resource on the wire, and whose stacks it shows. */
interface DemoSource {
  readonly attributes: readonly (readonly [string, string])[];
  readonly process: string;
  readonly stacks: DemoStacks;
  readonly cores: number;
  /** Milliseconds. */
  readonly from: number;
  readonly to: number;
  /** Which of the recorded stacks are more frequent: another revision spends its time elsewhere. */
  readonly bias: number;
}

export interface DemoOptions {
  /** Milliseconds since 1970: the end of what is recorded. */
  readonly now: number;
  readonly minutes: number;
}

/**
 * An hour of a small cluster made of real recordings: stacks are those of testdata, who ran them and when is made up.
 * Holds what pages must show: deployments, restarts, host processes, the kernel, containers without a name, samples
 * without an owner, truncated stacks, CPU and off-CPU time, memory in use. The same for the same options.
 */
export class DemoCluster {
  readonly #sources: readonly DemoSource[];
  readonly #identity: readonly IdentityEntry[];
  readonly #recordings: ReadonlyMap<DemoStacks, Recording>;
  readonly #random = randomNumbers(1);

  constructor({ now, minutes }: DemoOptions) {
    const start = now - minutes * MINUTE;
    const pods = DEMO_WORKLOADS.flatMap((workload) => podsOf(workload, start, now));
    this.#identity = pods.flatMap(({ identity }) => (identity === undefined ? [] : [identity]));
    this.#sources = [...pods.map(({ source }) => source), ...hostSources(start), ...strangers(start)];
    this.#recordings = recordings();
  }

  /** Puts names, and the samples between two times, into a store. */
  async fill(store: ProfileStore, from: number, to: number): Promise<void> {
    await store.recordIdentity(this.#identity);
    const { writeProfiles } = await loadLayouts();
    for (let start = from; start < to; start += CHUNK_MS) {
      const written = writeProfiles(this.#chunk(start, Math.min(to, start + CHUNK_MS)), "D10");
      if (written instanceof ParseError) throw written;
      await store.append({ bytes: written.bytes, receivedAt: start });
    }
  }

  #chunk(from: number, to: number): ProfilesModel {
    const builder = new ModelBuilder();
    const stacks = new Map([...this.#recordings].map(([name, recording]) => [name, recording.adopt(builder)]));
    const resources = this.#sources.flatMap((source) => {
      const [start, end] = [Math.max(from, source.from), Math.min(to, source.to)];
      return start >= end ? [] : [this.#resource(builder, source, stacks.get(source.stacks)!, start, end)];
    });
    return builder.finish(resources);
  }

  #resource(
    builder: ModelBuilder,
    source: DemoSource,
    stacks: readonly number[],
    from: number,
    to: number,
  ): ResourceRecord {
    const random = this.#random;
    const onCpu = new SamplesBuilder();
    const offCpu = new SamplesBuilder();
    const inUse = new SamplesBuilder();
    // Busier and calmer minutes.
    const load = source.cores * (0.6 + 0.4 * Math.sin(from / (7 * MINUTE) + source.bias)) * (0.7 + 0.6 * random());
    const hits = Math.round((load * RATE * (to - from)) / 1000);
    for (let hit = 0; hit < hits; hit++) {
      // A few stacks make most of it.
      const skewed = Math.floor(stacks.length * random() ** 3);
      const stack = stacks[(skewed + source.bias) % stacks.length]!;
      const time = BigInt(Math.round((from + random() * (to - from)) * 1000)) * 1000n;
      onCpu.add(stack, [], 0, [], [time]);
      if (hit % 8 === 0) offCpu.add(stack, [], 0, [BigInt(Math.round(random() * 4e7))], [time]);
    }
    for (const stack of stacks.slice(0, 20)) {
      inUse.add(stack, [], 0, [BigInt(Math.round(source.cores * 2e6 * (1 + random())))], []);
    }
    const string = (text: string): number => builder.string(text);
    const type = (name: string, unit: string) => ({ type: string(name), unit: string(unit), temporality: 0 });
    const timeUnixNano = BigInt(from) * 1_000_000n;
    const base = { ...EMPTY_PROFILE, timeUnixNano, durationNano: BigInt(to - from) * 1_000_000n };
    const profiles = [
      {
        ...base,
        types: [type("samples", "count")],
        periodType: type("cpu", "nanoseconds"),
        period: BigInt(1e9 / RATE),
        samples: onCpu.finish(),
      },
      { ...base, types: [type("off_cpu", "nanoseconds")], samples: offCpu.finish() },
      ...(source.stacks === "go" ? [{ ...base, types: [type("inuse_space", "bytes")], samples: inUse.finish() }] : []),
    ];
    return {
      ...EMPTY_RESOURCE,
      resource: encodeResource(source.attributes),
      scopes: [{ ...EMPTY_SCOPE, profiles }],
    };
  }
}

interface DemoPod {
  readonly source: DemoSource;
  readonly identity: IdentityEntry | undefined;
}

/** The pods that a workload had, each container a source. */
function podsOf(workload: DemoWorkload, start: number, now: number): DemoPod[] {
  const found: DemoPod[] = [];
  const { deployedMinutesAgo, restartedMinutesAgo } = workload;
  for (let number = 0; number < workload.pods; number++) {
    // One pod after the other, half a minute each.
    const deployed = deployedMinutesAgo === undefined ? start : now - deployedMinutesAgo * MINUTE + number * 30_000;
    if (deployed > start) found.push(podOf(workload, number, "1", 0, start, deployed));
    const restarted = restartedMinutesAgo === undefined || number > 0 ? undefined : now - restartedMinutesAgo * MINUTE;
    if (restarted === undefined) found.push(podOf(workload, number, "2", 0, deployed, Infinity));
    else {
      found.push(podOf(workload, number, "2", 0, deployed, restarted));
      found.push(podOf(workload, number, "2", 1, restarted, Infinity));
    }
  }
  return found;
}

function podOf(
  workload: DemoWorkload,
  number: number,
  revision: string,
  restart: number,
  from: number,
  to: number,
): DemoPod {
  const { namespace, kind, name, image, stacks, cores } = workload;
  const hash = createHash("sha256").update(`${name} ${revision}`).digest("hex").slice(0, 9);
  const pod = kind === "StatefulSet" ? `${name}-${number}` : `${name}-${hash}-${idOf(`${name}${number}`).slice(0, 5)}`;
  const id = idOf(`${namespace} ${pod} ${revision} ${restart}`);
  const node = DEMO_NODES[number % DEMO_NODES.length]!;
  const attributes = new Map([
    ["k8s.cluster.name", "demo"],
    ["k8s.namespace.name", namespace],
    [`k8s.${kind.toLowerCase()}.name`, name],
    ["k8s.pod.name", pod],
    ["k8s.pod.uid", idOf(pod).slice(0, 32)],
    [kind === "Deployment" ? "k8s.pod.label.pod-template-hash" : "k8s.pod.label.controller-revision-hash", hash],
    ["k8s.container.name", name],
    ["k8s.node.name", node],
    ["container.image.name", image],
    ["container.image.tags", `["2.${revision}.0"]`],
    ["service.name", name],
  ]);
  return {
    source: {
      attributes: [
        ["container.id", id],
        ["k8s.cluster.name", "demo"],
        ["k8s.node.name", node],
        ["process.executable.name", PROCESS[stacks]],
      ],
      process: PROCESS[stacks],
      stacks,
      cores,
      from,
      to,
      bias: revision === "1" ? 0 : 3,
    },
    identity: { key: { kind: "container.id", value: id }, validFrom: from, validTo: undefined, attributes },
  };
}

const PROCESS: Readonly<Record<DemoStacks, string>> = {
  c: "pricing-engine",
  go: "orders",
  node: "node",
  "go-pprof": "server",
  perf: "searchd",
};

function hostSources(from: number): DemoSource[] {
  return DEMO_NODES.flatMap((node) =>
    DEMO_HOST_PROCESSES.map(({ name, stacks, cores }, bias) => ({
      attributes: [
        ["k8s.cluster.name", "demo"],
        ["k8s.node.name", node],
        ["host.name", node],
        ["process.executable.name", name],
      ] as const,
      process: name,
      stacks,
      cores,
      from,
      to: Infinity,
      bias,
    })),
  );
}

/** Two containers that nobody can name, and samples that nothing is known of. */
function strangers(from: number): DemoSource[] {
  const base = { from, to: Infinity, stacks: "c" as const, cores: 0.06, bias: 1 };
  const unnamed = ["stranger-1", "stranger-2"].map((name) => ({
    ...base,
    process: name,
    attributes: [
      ["container.id", idOf(name)],
      ["k8s.cluster.name", "demo"],
      ["k8s.node.name", DEMO_NODES[0]],
      ["process.executable.name", "app"],
    ] as const,
  }));
  const nobody = { ...base, process: "", attributes: [["k8s.cluster.name", "demo"]] as const };
  return [...unnamed, nobody];
}

/** Stacks of a recording, to be copied into requests. */
class Recording {
  readonly #model: ProfilesModel;
  readonly #stacks: readonly number[];
  readonly #isTruncated: boolean;

  constructor(model: ProfilesModel, wanted: (resource: number) => boolean, isTruncated: boolean) {
    this.#model = model;
    const stacks = new Set<number>();
    model.resources.forEach(({ scopes }, at) => {
      if (!wanted(at)) return;
      for (const { profiles } of scopes) {
        for (const { samples } of profiles) for (const stack of samples.stack) stacks.add(stack);
      }
    });
    this.#stacks = [...stacks];
    this.#isTruncated = isTruncated;
  }

  adopt(builder: ModelBuilder): readonly number[] {
    const adopted = builder.adopt(this.#model.dictionary);
    const stacks = this.#stacks.map((stack) => adopted.stacks[stack]!);
    if (!this.#isTruncated) return stacks;
    const type = builder.attribute(builder.string("profile.frame.type"), "abort-marker");
    const lines = [{ function: builder.function(builder.string("[truncated]")) }];
    const mark = builder.location({ lines, attributes: [type] });
    const { offsets, values } = this.#model.dictionary.stacks;
    // The last stack once more, without its callers.
    const last = this.#stacks.at(-1)!;
    const innermost = values.subarray(offsets[last], offsets[last]! + 3);
    return [...stacks, builder.stack([...Array.from(innermost, (location) => adopted.locations[location]!), mark])];
  }
}

function recordings(): ReadonlyMap<DemoStacks, Recording> {
  const read = (path: string): Uint8Array => readFileSync(join(TESTDATA, path));
  const whole = (model: ProfilesModel | ParseError): ProfilesModel => {
    if (model instanceof ParseError) throw model;
    return model;
  };
  const captured = whole(readProfiles(read("captures/ebpf-20hz-grpc.binpb"), "D10"));
  const containers = captured.resources.map(({ resource }) => Buffer.from(resource).toString("latin1"));
  const ofContainer = (id: string) => (at: number) => containers[at]!.includes(id);
  return new Map([
    ["c", new Recording(captured, ofContainer("3469834d"), true)],
    ["go", new Recording(captured, ofContainer("05ef3251"), false)],
    ["node", new Recording(captured, ofContainer("dc133e4f"), false)],
    ["go-pprof", new Recording(whole(readPprof(read("formats/go-cpu.pb.gz"))), () => true, false)],
    ["perf", new Recording(whole(readPerfScript(read("formats/perf-script-default.txt"))), () => true, true)],
  ]);
}

function idOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
