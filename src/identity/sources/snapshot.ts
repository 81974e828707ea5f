import { rename } from "node:fs/promises";
import type { PodObject, ReflectorSink } from "#kubernetes";
import type { Gauge, Telemetry } from "#telemetry";
import { readSnapshot, SnapshotError, writeSnapshot } from "./snapshot-file.ts";

/** How long pods that are gone are worth remembering: as long as directories keep them by default. */
const GONE_MS = 120_000;
/** Of those that are gone. */
const MAX_GONE = 20_000;

export interface SnapshotSettings {
  readonly path: string;
  readonly intervalMs: number;
  /** Pods beyond that are left out. */
  readonly maxBytes: number;
  readonly telemetry: Telemetry;
}

/**
 * Keeps what a directory knows in a file, so that after a restart it knows at once what it knew, pods included that were
 * gone but recently. Stands between a source and its sink and passes everything on.
 */
export class Snapshot implements ReflectorSink<PodObject> {
  readonly #settings: SnapshotSettings;
  readonly #sink: ReflectorSink<PodObject>;
  readonly #pods = new Map<string, PodObject>();
  /** In the order in which they went. */
  readonly #gone = new Map<string, { readonly pod: PodObject; readonly atMs: number }>();
  readonly #stopping = new AbortController();
  readonly #leftOut: Gauge;
  #writing: Promise<void> | undefined;
  #changed = false;

  constructor(settings: SnapshotSettings, sink: ReflectorSink<PodObject>) {
    this.#settings = settings;
    this.#sink = sink;
    this.#leftOut = settings.telemetry.metrics.gauge("podflame_identity_snapshot_left_out", {
      help: "Pods that the last snapshot has no room for.",
    });
  }

  /** What the file holds; empty where there is none. One that can't be used is set aside, with a warning. */
  async load(): Promise<readonly PodObject[]> {
    const { path, maxBytes, telemetry } = this.#settings;
    try {
      const pods = (await readSnapshot(path, maxBytes)) ?? [];
      if (pods.length > 0) telemetry.logger.info("pods loaded from a snapshot", { file: path, pods: pods.length });
      return pods;
    } catch (error) {
      const aside = `${path}.broken`;
      const isAside =
        error instanceof SnapshotError &&
        (await rename(path, aside).then(
          () => true,
          () => false,
        ));
      const fields = { file: path, error, ...(isAside ? { movedTo: aside } : {}) };
      telemetry.logger.warn("the snapshot of pods can't be used, going on without it", fields);
      return [];
    }
  }

  /** Begins to write at intervals. */
  start(): void {
    this.#writing = this.#run();
  }

  /** Writes a last time. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the snapshot is stopped"));
    await this.#writing;
    await this.#write();
  }

  listing(): void {
    this.#sink.listing();
  }

  listed(): void {
    this.#sink.listed();
  }

  upsert(pod: PodObject): void {
    this.#pods.set(pod.uid, pod);
    this.#gone.delete(pod.uid);
    this.#changed = true;
    this.#sink.upsert(pod);
  }

  remove(pod: PodObject): void {
    if (this.#pods.delete(pod.uid)) {
      this.#gone.set(pod.uid, { pod, atMs: this.#settings.telemetry.clock.monotonicMs() });
      const [first] = this.#gone.keys();
      if (this.#gone.size > MAX_GONE && first !== undefined) this.#gone.delete(first);
      this.#changed = true;
    }
    this.#sink.remove(pod);
  }

  async #run(): Promise<void> {
    const { clock } = this.#settings.telemetry;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // Rejects only when stopped, and then the loop ends.
      await clock.sleep(this.#settings.intervalMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.#write();
    }
  }

  async #write(): Promise<void> {
    this.#forgetGone();
    if (!this.#changed) return;
    this.#changed = false;
    const { path, maxBytes, telemetry } = this.#settings;
    const pods = [...this.#pods.values(), ...[...this.#gone.values()].map(({ pod }) => pod)];
    try {
      const { leftOut } = await writeSnapshot(path, pods, maxBytes);
      this.#leftOut.set(leftOut);
      if (leftOut > 0) telemetry.logger.warn("the snapshot has no room for all pods", { file: path, leftOut });
    } catch (error) {
      this.#changed = true;
      telemetry.logger.warn("cannot write the snapshot of pods", { file: path, error });
    }
  }

  #forgetGone(): void {
    const goneBeforeMs = this.#settings.telemetry.clock.monotonicMs() - GONE_MS;
    for (const [uid, { atMs }] of this.#gone) {
      if (atMs >= goneBeforeMs) break;
      this.#gone.delete(uid);
      this.#changed = true;
    }
  }
}
