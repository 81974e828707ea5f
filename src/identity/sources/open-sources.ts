import { createHash } from "node:crypto";
import { join } from "node:path";
import type { CriConnection, KubeletSettings, PodObject, ReflectorSink, Selection } from "#kubernetes";
import type { Telemetry } from "#telemetry";
import type { Wanted } from "../object-needs.ts";
import { type OpenSource, openSource, type PodSource, type SourceSettings, type SourceSinks } from "../pod-source.ts";
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
  /** The node that kubelet and runtime belong to; empty where nobody says. */
  readonly nodeName: string;
  readonly kubelet?: { readonly settings: KubeletSettings; readonly intervalMs: number };
  readonly cri?: {
    readonly socket: string;
    readonly intervalMs: number;
    readonly connect: (telemetry: Telemetry) => CriConnection;
  };
  readonly file?: { readonly path: string; readonly intervalMs: number };
  readonly snapshot?: { readonly directory: string; readonly intervalMs: number; readonly maxBytes: number };
}

/** Of these each sees all pods of its node, or of the cluster. */
const SEEING_ALL: readonly NamedSource[] = ["api", "kubelet", "cri"];

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
  sinks: SourceSinks,
  telemetry: Telemetry,
): Promise<PodSource> {
  const names = usable(sources.sources, settings.selection, telemetry);
  const seeing = names.filter((name) => SEEING_ALL.includes(name));
  const best = SOURCE_KINDS.find((kind) => (names as readonly SourceKind[]).includes(kind));
  const snapshot = snapshotOf(sources, settings, sinks.pods, telemetry);
  const merger: PodMerger = new PodMerger({
    sink: snapshot ?? sinks.pods,
    completing: seeing.length > 0 ? seeing : names,
    // What the best source doesn't know was gone while nobody looked.
    onListed: (source) => {
      if (source === best && merger.sizeOf("snapshot") > 0) merger.drop("snapshot");
    },
  });
  const restored = merger.source("snapshot");
  for (const pod of (await snapshot?.load()) ?? []) restored.upsert(pod);
  snapshot?.start();
  // Nobody else tells of them, and nobody must wait for them.
  if (!names.includes("api")) for (const kind of wanted.objects.keys()) tellNothing(sinks.objects(kind));

  const { namespace } = settings.selection;
  const parts: PodSource[] = [];
  for (const name of names) {
    const sink = name === "api" ? merger.source(name) : ofNamespace(namespace, merger.source(name), sinks.leftOut);
    parts.push(await openPart(name, sources, settings, wanted, { ...sinks, pods: sink }, telemetry));
  }
  return {
    state() {
      const states = parts.map((part) => part.state());
      return {
        from: states.map(({ from }) => from).join(", "),
        synced: states.some(({ synced }) => synced),
        lastError: states.find(({ lastError }) => lastError !== undefined)?.lastError,
        watches: states.flatMap(({ watches }) => watches ?? []),
        parts: states,
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
  { kubelet, cri, file, nodeName, sources }: IdentitySources,
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
    case "kubelet": {
      const { followKubelet } = await import("#kubernetes");
      const { settings: how, intervalMs } = required(kubelet, name);
      return followKubelet({ kubelet: how, intervalMs, keys, sink, telemetry });
    }
    case "cri": {
      const { followCri } = await import("#kubernetes");
      const { socket, intervalMs, connect } = required(cri, name);
      return followCri({ connection: connect(telemetry), socket, intervalMs, nodeName, keys, sink, telemetry });
    }
    case "file":
      return pollFile({ ...required(file, name), wanted, sinks, withObjects: !sources.includes("api"), telemetry });
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
  if (isByNodeAlone || !names.includes("api")) return names;
  const without = names.filter((name) => name !== "api");
  if (without.length > 0) {
    telemetry.logger.warn(
      "filter.labels and filter.fields are the API server's: other sources are not used with them",
      {
        without,
      },
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

/** One file a directory, for processors with other settings know other pods. */
function snapshotOf(
  { snapshot }: IdentitySources,
  settings: SourceSettings,
  sink: ReflectorSink<PodObject>,
  telemetry: Telemetry,
): Snapshot | undefined {
  if (snapshot === undefined) return undefined;
  const { directory, ...how } = snapshot;
  const name = createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 16);
  return new Snapshot({ ...how, path: join(directory, `identity-${name}.jsonl`), telemetry }, sink);
}
