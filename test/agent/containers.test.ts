/** Samples of real containers come out with the id of their container and the uid of their pod, and no others do. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalProfiler } from "./harness/local-profiler.ts";
import { NodeOfPods } from "./harness/node-of-pods.ts";
import type { Container } from "./harness/pods.ts";
import { canRunContainers, canSample } from "./harness/requirements.ts";
import { Runc } from "./harness/runc.ts";
import { countOf, passesThrough, type Sample } from "./harness/samples.ts";
import { Workloads } from "./harness/workloads.ts";

const FOREVER = "1000000";

const available = [canSample(), canRunContainers()].every(Boolean);

/** Which container's samples a thread's are, by the name that it gave itself. */
function byThreadName(samples: readonly Sample[], prefix: string): Map<string, Sample[]> {
  const threads = samples.filter(({ attributes }) => String(attributes["thread.name"]).startsWith(prefix));
  return Map.groupBy(threads, ({ attributes }) => String(attributes["thread.name"]));
}

describe.skipIf(!available)("containers", () => {
  let node: NodeOfPods;
  beforeAll(async () => {
    node = await NodeOfPods.start("burn");
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("of one image are told apart, each with its pod", async () => {
    const [first, second] = [
      await node.run(["/bin/burn", FOREVER, "alpha=100"]),
      await node.run(["/bin/burn", FOREVER, "beta=100"], { qos: "guaranteed" }),
    ];
    await using profiler = new LocalProfiler();
    const through = (container: Container, name: string): Sample[] =>
      profiler.of(container).filter((sample) => passesThrough(sample, name));
    await profiler.until(() => countOf(through(first, "alpha")) > 50 && countOf(through(second, "beta")) > 50);
    await profiler.stop();

    for (const [container, foreign] of [
      [first, "beta"],
      [second, "alpha"],
    ] as const) {
      expect(through(container, foreign)).toEqual([]);
      const uids = profiler.of(container).map(({ resource }) => resource["k8s.pod.uid"]);
      expect(new Set(uids)).toEqual(new Set([container.podUid]));
      await container.remove();
    }
  });

  test("own what is executed in them later", async () => {
    await using profiler = new LocalProfiler();
    const container = await node.run(["sleep", "100"]);
    await container.exec("/bin/burn", "0.2cpu", "alpha=100");
    await profiler.stop();
    expect(countOf(profiler.of(container).filter((sample) => passesThrough(sample, "alpha")))).toBeGreaterThan(20);
  });

  test("that live for 200 ms own their samples, and nobody else's", async () => {
    const truth = new Map<string, string>();
    await using profiler = new LocalProfiler({ frequencyHz: 99, sampleAttributes: ["thread.name"] });
    for (let i = 0; i < 20; i++) {
      const name = `burst-${i}`;
      const container = await node.create(["/bin/burn", "0.2cpu", "alpha=100"], { env: { BURN_NAME: name } });
      truth.set(name, container.id);
      await container.start();
      // A few at once, as a job controller starts them; the last ones are waited for below.
      if (i % 4 === 3) await container.ended();
    }
    await profiler.until((samples) => byThreadName(samples, "burst-").size === truth.size);
    await profiler.stop();

    const bursts = [...byThreadName(profiler.samples, "burst-")];
    const idsOf = (samples: readonly Sample[]): unknown[] => samples.map(({ resource }) => resource["container.id"]);
    const right = bursts.flatMap(([name, samples]) =>
      samples.filter(({ resource }) => resource["container.id"] === truth.get(name)),
    );
    const wrong = bursts.filter(([name, samples]) =>
      idsOf(samples).some((id) => id !== undefined && id !== truth.get(name)),
    );
    expect(wrong).toEqual([]);
    expect(countOf(right) / countOf(bursts.flatMap(([, samples]) => samples))).toBeGreaterThanOrEqual(0.99);
  });

  test("that live for 100 ms and are hit once or twice appear", async () => {
    await using profiler = new LocalProfiler({ frequencyHz: 20, sampleAttributes: ["thread.name"] });
    const truth: Record<string, string> = {};
    for (const name of ["once-1", "once-2", "once-3"]) {
      const container = await node.run(["/bin/burn", "0.1cpu", "alpha=100"], { env: { BURN_NAME: name } });
      await container.ended();
      truth[name] = container.id;
    }
    await profiler.stop();
    const appeared = [...byThreadName(profiler.samples, "once-")].flatMap(([name, samples]) =>
      samples.map(({ resource }) => [name, resource["container.id"]]),
    );
    expect(appeared.length).toBeGreaterThan(0);
    expect(appeared.filter(([name, id]) => id !== truth[String(name)])).toEqual([]);
  });
});

describe.skipIf(!available)("cgroup paths of other runtimes and drivers", () => {
  const id = (digit: string): string => digit.repeat(64);
  const uid = "0e1cf3ba-6f0c-4d39-9a8e-5d5d4a3c1f21";
  const slice = `kubepods-burstable-pod${uid.replaceAll("-", "_")}.slice`;
  /** Path → container id and pod uid that it tells. */
  const paths: readonly (readonly [path: string, containerId: string | undefined, podUid: string | undefined])[] = [
    [`docker/${id("1")}`, id("1"), undefined],
    [`system.slice/docker-${id("2")}.scope`, id("2"), undefined],
    [`kubepods.slice/kubepods-burstable.slice/${slice}/cri-containerd-${id("3")}.scope`, id("3"), uid],
    [`kubepods.slice/kubepods-burstable.slice/${slice}/crio-${id("4")}.scope`, id("4"), uid],
    [`machine.slice/libpod-${id("5")}.scope`, id("5"), undefined],
    [
      `docker/${id("0")}/kubelet.slice/kubelet-kubepods.slice/kubelet-${slice}/cri-containerd-${id("6")}.scope`,
      id("6"),
      uid,
    ],
    ["system.slice/cron.service", undefined, undefined],
  ];

  test("tell the container and the pod", async () => {
    using workloads = new Workloads();
    await using runc = await Runc.open({ "/bin/burn": await workloads.build("burn") });
    await using profiler = new LocalProfiler({ frequencyHz: 99, sampleAttributes: ["process.pid"] });
    const pids = new Map<number, (typeof paths)[number]>();
    for (const place of paths) pids.set(await runc.start(place[0], ["/bin/burn", FOREVER, "alpha=100"]), place);
    const pidOf = ({ attributes }: Sample): number => Number(attributes["process.pid"]);
    const found = (samples: readonly Sample[]): Map<number, Sample[]> =>
      Map.groupBy(
        // Others may run such programs beside this test.
        samples.filter((sample) => passesThrough(sample, "alpha") && pids.has(pidOf(sample))),
        pidOf,
      );
    await profiler.until((samples) => [...pids.keys()].every((pid) => found(samples).has(pid)));
    await profiler.stop();

    const told = [...found(profiler.samples)].map(([pid, [sample]]) => [
      pids.get(pid)?.[0],
      { containerId: sample?.resource["container.id"], podUid: sample?.resource["k8s.pod.uid"] },
    ]);
    expect(Object.fromEntries(told)).toEqual(
      Object.fromEntries(paths.map(([path, containerId, podUid]) => [path, { containerId, podUid }])),
    );
  });
});
