import { stat } from "node:fs/promises";
import type { MetadataObject } from "#kubernetes";
import type { Telemetry } from "#telemetry";
import type { Wanted } from "../object-needs.ts";
import type { PodSource, SourceSinks } from "../pod-source.ts";

export interface FileSourceSettings {
  /** A list as `kubectl get pods -A -o json` writes it. */
  readonly path: string;
  /** Between two looks whether the file is another one. */
  readonly intervalMs: number;
  readonly wanted: Wanted;
  readonly sinks: SourceSinks;
  /** Whether the other objects in the file count as well; else it is asked for pods alone. */
  readonly withObjects: boolean;
  readonly telemetry: Telemetry;
}

/** Follows a file of pods: it is read again when it has changed. While it can't be read, what it said stays. */
export async function pollFile(settings: FileSourceSettings): Promise<PodSource> {
  const { loadObjectFile, PodPoller } = await import("#kubernetes");
  const { path, intervalMs, wanted, sinks, withObjects, telemetry } = settings;
  const kinds = new Map(withObjects ? [...wanted.objects].map(([kind, { keys }]) => [kind, keys] as const) : []);
  let version = "";
  return new PodPoller({
    source: "file",
    from: path,
    sink: sinks.pods,
    telemetry,
    intervalMs,
    async read() {
      const { mtimeMs, size, ino } = await stat(path);
      const found = `${mtimeMs} ${size} ${ino}`;
      if (found === version) return undefined;
      const { pods, objects } = await loadObjectFile(path, wanted.keys, kinds);
      for (const kind of kinds.keys()) {
        const { only } = wanted.objects.get(kind)!;
        const isWanted = (object: MetadataObject): boolean =>
          object.kind === kind && (only === undefined || object.name === only);
        const sink = sinks.objects(kind);
        sink.listing();
        for (const object of objects) if (isWanted(object)) sink.upsert(object);
        sink.listed();
      }
      version = found;
      return pods;
    },
  });
}
