import type {
  ApiClientSettings,
  MetadataObject,
  ObjectKind,
  PodObject,
  Reflection,
  ReflectorSink,
  ReflectorState,
  Selection,
} from "#kubernetes";
import type { Telemetry } from "#telemetry";
import type { Wanted } from "./object-needs.ts";
import type { NamedSource } from "./sources/open-sources.ts";
import { watchPlan } from "./watch-plan.ts";

/** Where pods are learned from. Equal settings share one source and one directory. */
export type SourceSettings =
  | { readonly kind: "api"; readonly client: ApiClientSettings; readonly selection: Selection }
  | { readonly kind: "file"; readonly path: string };

/** What a source is up to, for people. */
export interface SourceState {
  /** Where it reads, e.g. the API server's URL or a file's path. */
  readonly from: string;
  /** Whether a first list was complete. */
  readonly synced: boolean;
  /** The last failure, where the last attempt failed. */
  readonly lastError: string | undefined;
  /** Each list and watch by itself; none for a file. */
  readonly watches?: readonly ReflectorState[];
  /** Of one of several sources: its name in the configuration. */
  readonly name?: NamedSource;
  /** Where several sources feed one directory: each by itself. */
  readonly parts?: readonly SourceState[];
}

/** Where a source puts what it learns. */
export interface SourceSinks {
  readonly pods: ReflectorSink<PodObject>;
  /** Hears of pods that a source saw and that aren't wanted, so that somebody can say so. */
  readonly leftOut?: (pod: PodObject) => void;
  /** Hears of the ids of sandboxes: containers of pods that no status names. All that there are, again and again. */
  readonly sandboxes?: (ids: readonly string[]) => void;
  /** The sink for objects of that kind, one of those that are wanted. */
  objects(kind: ObjectKind): ReflectorSink<MetadataObject>;
}

/** A running source. */
export interface PodSource {
  state(): SourceState;
  /** Somebody asked for a pod or container that nobody knows: look now, where looking is what the source does. Cheap. */
  refresh?(): void;
  /** Resolves when nothing will reach the sink any more. */
  stop(): Promise<void>;
}

/** Starts a source that feeds `sinks`; rejects if it never can (unusable credentials, no such file). */
export type OpenSource = (
  settings: SourceSettings,
  wanted: Wanted,
  sinks: SourceSinks,
  telemetry: Telemetry,
) => Promise<PodSource>;

/** Opens a source of either kind. Loads the code for it only then. */
export const openSource: OpenSource = async (settings, wanted, sinks, telemetry) =>
  settings.kind === "file"
    ? readFile(settings.path, wanted, sinks, telemetry)
    : followCluster(settings, wanted, sinks, telemetry);

async function readFile(path: string, wanted: Wanted, sinks: SourceSinks, telemetry: Telemetry): Promise<PodSource> {
  const { loadObjectFile } = await import("#kubernetes");
  const kinds = new Map([...wanted.objects].map(([kind, { keys }]) => [kind, keys]));
  const { pods, objects } = await loadObjectFile(path, wanted.keys, kinds);
  for (const [kind, { only }] of wanted.objects) {
    const ofKind = objects.filter((object) => object.kind === kind && (only === undefined || object.name === only));
    fill(sinks.objects(kind), ofKind);
  }
  fill(sinks.pods, pods);
  telemetry.logger.info("pods loaded from a file", { file: path, pods: pods.length, objects: objects.length });
  return {
    state: () => ({ from: path, synced: true, lastError: undefined }),
    stop: () => Promise.resolve(),
  };
}

function fill<T>(sink: ReflectorSink<T>, objects: readonly T[]): void {
  sink.listing();
  for (const object of objects) sink.upsert(object);
  sink.listed();
}

async function followCluster(
  settings: SourceSettings & { readonly kind: "api" },
  wanted: Wanted,
  sinks: SourceSinks,
  telemetry: Telemetry,
): Promise<PodSource> {
  const { createApiClient, reflectObjects, reflectPods } = await import("#kubernetes");
  const client = await createApiClient(settings.client, telemetry);
  const reflections = watchPlan(settings.selection, wanted).map(({ kind, selection }): Reflection => {
    if (kind === "Pod") return reflectPods({ client, selection, keys: wanted.keys, sink: sinks.pods, telemetry });
    const { keys } = wanted.objects.get(kind)!;
    return reflectObjects({ client, kind, selection, keys, sink: sinks.objects(kind), telemetry });
  });
  return {
    state() {
      const watches = reflections.map((reflection) => reflection.state());
      const failing = watches.find(({ lastError }) => lastError !== undefined);
      return {
        from: client.server,
        synced: watches.every(({ synced }) => synced),
        lastError: failing?.lastError?.message,
        watches,
      };
    },
    async stop() {
      await Promise.all(reflections.map((reflection) => reflection.stop()));
      client.close();
    },
  };
}
