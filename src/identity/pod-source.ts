import type { ApiClientSettings, KeyFilter, PodObject, ReflectorSink, Selection } from "#kubernetes";
import type { Telemetry } from "#telemetry";

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
}

/** A running source. */
export interface PodSource {
  state(): SourceState;
  /** Resolves when nothing will reach the sink any more. */
  stop(): Promise<void>;
}

/** Starts a source that feeds `sink`; rejects if it never can (unusable credentials, no such file). */
export type OpenSource = (
  settings: SourceSettings,
  keys: KeyFilter,
  sink: ReflectorSink<PodObject>,
  telemetry: Telemetry,
) => Promise<PodSource>;

/** Opens a source of either kind. Loads the code for it only then. */
export const openSource: OpenSource = async (settings, keys, sink, telemetry) => {
  const { createApiClient, loadPodFile, reflectPods } = await import("#kubernetes");
  if (settings.kind === "file") {
    const pods = await loadPodFile(settings.path, keys);
    sink.listing();
    for (const pod of pods) sink.upsert(pod);
    sink.listed();
    telemetry.logger.info("pods loaded from a file", { file: settings.path, pods: pods.length });
    return {
      state: () => ({ from: settings.path, synced: true, lastError: undefined }),
      stop: () => Promise.resolve(),
    };
  }
  const client = await createApiClient(settings.client, telemetry);
  const reflection = reflectPods({ client, selection: settings.selection, keys, sink, telemetry });
  return {
    state() {
      const { synced, lastError } = reflection.state();
      return { from: client.server, synced, lastError: lastError?.message };
    },
    async stop() {
      await reflection.stop();
      client.close();
    },
  };
};
