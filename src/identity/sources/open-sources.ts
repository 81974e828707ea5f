import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ContainerLister, CriConnection, KubeletSettings, PodObject, ReflectorSink, Selection } from "#kubernetes";
import type { Telemetry } from "#telemetry";
import type { ObjectNeeds, Wanted } from "../object-needs.ts";
import { type OpenSource, openSource, type PodSource, type SourceSettings, type SourceSinks } from "../pod-source.ts";
import type { GatewayConnection } from "../gateway/follow-gateway.ts";
import { pollFile } from "./file-source.ts";
import { PodMerger } from "./pod-merger.ts";
import { SOURCE_KINDS, type SourceKind } from "./precedence.ts";
import { openAgainAndAgain } from "./reopened-source.ts";
import { Snapshot } from "./snapshot.ts";

/** A source that a user can name. */
export type NamedSource = Exclude<SourceKind, "snapshot">;

/** Where pods are learned from, besides and instead of the API server. */
export interface IdentitySources {
  readonly sources: readonly NamedSource[];
  /** The node that kubelet and runtime belong to, and whose pods a gateway is asked for; empty where nobody says. */
  readonly nodeName: string;
  readonly kubelet?: { readonly settings: KubeletSettings; readonly intervalMs: number };
  readonly cri?: {
    readonly socket: string;
    readonly intervalMs: number;
    readonly connect: (telemetry: Telemetry) => CriConnection;
  };
  readonly containers?: {
    readonly intervalMs: number;
    readonly connect: (telemetry: Telemetry) => Promise<readonly ContainerLister[]>;
  };
  readonly gateway?: {
    readonly endpoint: string;
    readonly connect: (telemetry: Telemetry) => GatewayConnection;
  };
  readonly file?: { readonly path: string; readonly intervalMs: number };
  readonly snapshot?: { readonly directory: string; readonly intervalMs: number; readonly maxBytes: number };
}

/** Those that know of other objects than pods as well. Both would tell of the same, so the API server's word counts alone. */
const TELLING_OBJECTS: readonly NamedSource[] = ["api", "gateway"];
/** Of these each sees all pods of its node, or of the cluster. */
const SEEING_ALL: readonly NamedSource[] = ["api", "gateway", "kubelet", "cri"];

/**
 * Opens several sources as one. Each goes its own way: one that fails is retried and takes nothing from the others; what
 * they know of the same pod is joined by `PodMerger`. Rejects only where none can be opened at all. A processor that
 * names a file of its own gets that file and nothing else.
 */
export function sourcesOpener(sources: IdentitySources): OpenSource {
  return (settings, wanted, sinks, telemetry) =>
    settings.kind === "file"
      ? openSource(settings, wanted, sinks, telemetry)
      : openTogether(sources, settings, wanted, sinks, telemetry);
}

async function openTogether(
  sources: IdentitySources,
  settings: SourceSettings & { readonly kind: "api" },
  wanted: Wanted,
  given: SourceSinks,
  telemetry: Telemetry,
): Promise<PodSource> {
  const names = usable(sources.sources, settings.selection, telemetry);
  const seeing = names.filter((name) => SEEING_ALL.includes(name));
  const best = SOURCE_KINDS.find((kind) => (names as readonly SourceKind[]).includes(kind));
  const snapshot = snapshotOf(sources, settings, given, telemetry);
  const sinks: SourceSinks = snapshot ?? given;
  const merger: PodMerger = new PodMerger({
    sink: sinks.pods,
    completing: seeing.length > 0 ? seeing : names,
    // What the best source doesn't know was gone while nobody looked.
    onListed: (source) => {
      if (source === best && merger.sizeOf("snapshot") > 0) merger.drop("snapshot");
    },
  });
  if (snapshot !== undefined) {
    const { pods, objects } = await snapshot.load();
    const restored = merger.source("snapshot");
    for (const pod of pods) restored.upsert(pod);
    // Before their first list: what isn't in that is gone.
    for (const object of objects) if (wanted.objects.has(object.kind)) sinks.objects(object.kind).upsert(object);
    snapshot.start();
  }
  // Nobody else tells of them, and nobody must wait for them.
  if (!names.some((name) => TELLING_OBJECTS.includes(name)))
    for (const kind of wanted.objects.keys()) tellNothing(sinks.objects(kind));

  const { namespace } = settings.selection;
  const parts: PodSource[] = [];
  for (const name of names) {
    const sink = name === "api" ? merger.source(name) : ofNamespace(namespace, merger.source(name), given.leftOut);
    parts.push(
      await openPart(
        name,
        sources,
        settings,
        wanted,
        { ...given, pods: sink, objects: (kind) => sinks.objects(kind) },
        telemetry,
      ),
    );
  }
  return {
    state() {
      const states = parts.map((part) => part.state());
      return {
        from: states.map(({ from }) => from).join(", "),
        synced: states.some(({ synced }) => synced),
        lastError: states.find(({ lastError }) => lastError !== undefined)?.lastError,
        watches: states.flatMap(({ watches }) => watches ?? []),
        parts: states.map((state, at) => ({ ...state, name: names[at]! })),
      };
    },
    refresh() {
      for (const part of parts) part.refresh?.();
    },
    async stop() {
      await Promise.all(parts.map((part) => part.stop()));
      await snapshot?.stop();
    },
  };
}

async function openPart(
  name: NamedSource,
  { kubelet, cri, containers, gateway, file, nodeName, sources }: IdentitySources,
  settings: SourceSettings,
  wanted: Wanted,
  sinks: SourceSinks,
  telemetry: Telemetry,
): Promise<PodSource> {
  const { keys } = wanted;
  const sink = sinks.pods;
  switch (name) {
    case "api": {
      const open = (): Promise<PodSource> => openSource(settings, wanted, sinks, telemetry);
      return sources.length === 1 ? open() : openAgainAndAgain(open, "the Kubernetes API", telemetry);
    }
    case "gateway": {
      const { followGateway } = await import("../gateway/follow-gateway.ts");
      const { endpoint, connect } = required(gateway, name);
      const own = sources.includes("api") ? { ...wanted, objects: NO_OBJECTS } : wanted;
      return followGateway({ connection: connect(telemetry), endpoint, node: nodeName, wanted: own, sinks, telemetry });
    }
    case "kubelet": {
      const { followKubelet } = await import("#kubernetes");
      const { settings: how, intervalMs } = required(kubelet, name);
      return followKubelet({ kubelet: how, intervalMs, keys, sink, telemetry });
    }
    case "cri": {
      const { followCri } = await import("#kubernetes");
      const { socket, intervalMs, connect } = required(cri, name);
      const connection = connect(telemetry);
      const onSandboxes = sinks.sandboxes;
      return followCri({ connection, socket, intervalMs, nodeName, keys, sink, onSandboxes, telemetry });
    }
    case "containers": {
      const { followContainers } = await import("#kubernetes");
      const { intervalMs, connect } = required(containers, name);
      return followContainers({ listers: await connect(telemetry), intervalMs, nodeName, keys, sink, telemetry });
    }
    case "file":
      return pollFile({
        ...required(file, name),
        wanted,
        sinks,
        withObjects: !sources.some((other) => TELLING_OBJECTS.includes(other)),
        telemetry,
      });
  }
}

function required<T>(given: T | undefined, name: NamedSource): T {
  if (given === undefined) throw new Error(`identity sources: ${name} is named, and not described`);
  return given;
}

/**
 * The sources that can be used with that selection. Only the API server can pick pods by labels or fields, and pods that
 * it leaves out must not come in by another door.
 */
function usable(
  names: readonly NamedSource[],
  { fieldSelector = "", labelSelector = "" }: Selection,
  telemetry: Telemetry,
): readonly NamedSource[] {
  const isByNodeAlone = labelSelector === "" && /^(?:spec\.nodeName=[^,]*)?$/.test(fieldSelector);
  if (isByNodeAlone) return names;
  if (!names.includes("api")) {
    telemetry.logger.warn(
      "filter.labels and filter.fields are the API server's, which is no source: they pick no pods",
      {
        sources: names,
      },
    );
    return names;
  }
  const without = names.filter((name) => name !== "api");
  if (without.length > 0) {
    telemetry.logger.warn(
      "filter.labels and filter.fields are the API server's: other sources are not used with them",
      { without },
    );
  }
  return ["api"];
}

function ofNamespace(
  namespace: string | undefined,
  sink: ReflectorSink<PodObject>,
  leftOut: SourceSinks["leftOut"],
): ReflectorSink<PodObject> {
  if (namespace === undefined) return sink;
  return {
    listing: () => sink.listing(),
    listed: () => sink.listed(),
    upsert: (pod) => {
      if (pod.namespace === namespace) sink.upsert(pod);
      else leftOut?.(pod);
    },
    remove: (pod) => sink.remove(pod),
  };
}

function tellNothing(sink: Pick<ReflectorSink<never>, "listing" | "listed">): void {
  sink.listing();
  sink.listed();
}

const NO_OBJECTS: ObjectNeeds = new Map();

/** One file a directory, for processors with other settings know other pods. */
function snapshotOf(
  { snapshot }: IdentitySources,
  settings: SourceSettings,
  sinks: SourceSinks,
  telemetry: Telemetry,
): Snapshot | undefined {
  if (snapshot === undefined) return undefined;
  const { directory, ...how } = snapshot;
  const name = createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 16);
  return new Snapshot({ ...how, path: join(directory, `identity-${name}.jsonl`), telemetry }, sinks);
}
