import { rename } from "node:fs/promises";
import type { MetadataObject, ObjectKind, PodObject, ReflectorSink } from "#kubernetes";
import type { Gauge, Telemetry } from "#telemetry";
import type { SourceSinks } from "../pod-source.ts";
import { identityOf } from "../records.ts";
import { readSnapshot, type SnapshotContent, SnapshotError, writeSnapshot } from "./snapshot-file.ts";

/** How long pods that are gone are worth remembering: as long as directories keep them by default. */
const GONE_MS = 120_000;
/** Of those that are gone. */
const MAX_GONE = 20_000;

const NOTHING: SnapshotContent = { pods: [], objects: [] };

export interface SnapshotSettings {
  readonly path: string;
  readonly intervalMs: number;
  /** What is beyond that is left out: other objects first, then pods. */
  readonly maxBytes: number;
  readonly telemetry: Telemetry;
}

/**
 * Keeps what a directory knows in a file, so that after a restart it knows at once what it knew, pods included that were
 * gone but recently. Stands between sources and their sinks and passes everything on.
 */
export class Snapshot implements SourceSinks {
  readonly pods: ReflectorSink<PodObject>;
  readonly #settings: SnapshotSettings;
  readonly #sinks: SourceSinks;
  readonly #pods = new Map<string, PodObject>();
  /** In the order in which they went. */
  readonly #gone = new Map<string, { readonly pod: PodObject; readonly atMs: number }>();
  readonly #objects = new Map<ObjectKind, KeptObjects>();
  readonly #stopping = new AbortController();
  readonly #leftOut: Gauge;
  #writing: Promise<void> | undefined;
  #changed = false;

  constructor(settings: SnapshotSettings, sinks: SourceSinks) {
    this.#settings = settings;
    this.#sinks = sinks;
    this.pods = {
      listing: () => sinks.pods.listing(),
      listed: () => sinks.pods.listed(),
      upsert: (pod) => this.#upsert(pod),
      remove: (pod) => this.#remove(pod),
    };
    this.#leftOut = settings.telemetry.metrics.gauge("podflame_identity_snapshot_left_out", {
      help: "Pods and other objects that the last snapshot has no room for.",
    });
  }

  objects(kind: ObjectKind): ReflectorSink<MetadataObject> {
    let kept = this.#objects.get(kind);
    if (kept === undefined) {
      kept = new KeptObjects(this.#sinks.objects(kind), () => (this.#changed = true));
      this.#objects.set(kind, kept);
    }
    return kept;
  }

  /** What the file holds; empty where there is none. One that can't be used is set aside, with a warning. */
  async load(): Promise<SnapshotContent> {
    const { path, maxBytes, telemetry } = this.#settings;
    try {
      const content = (await readSnapshot(path, maxBytes)) ?? NOTHING;
      const [pods, objects] = [content.pods.length, content.objects.length];
      if (pods > 0) telemetry.logger.info("pods loaded from a snapshot", { file: path, pods, objects });
      return content;
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
      return NOTHING;
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

  #upsert(pod: PodObject): void {
    const id = identityOf(pod) ?? "";
    this.#pods.set(id, pod);
    this.#gone.delete(id);
    this.#changed = true;
    this.#sinks.pods.upsert(pod);
  }

  #remove(pod: PodObject): void {
    const id = identityOf(pod) ?? "";
    if (this.#pods.delete(id)) {
      this.#gone.set(id, { pod, atMs: this.#settings.telemetry.clock.monotonicMs() });
      const [first] = this.#gone.keys();
      if (this.#gone.size > MAX_GONE && first !== undefined) this.#gone.delete(first);
      this.#changed = true;
    }
    this.#sinks.pods.remove(pod);
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
    const objects = [...this.#objects.values()].flatMap((kept) => [...kept.all()]);
    try {
      const { leftOut } = await writeSnapshot(path, { pods, objects }, maxBytes);
      this.#leftOut.set(leftOut);
      if (leftOut > 0)
        telemetry.logger.warn("the snapshot has no room for all pods and other objects", { file: path, leftOut });
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

/** The objects of one kind as they were told, on their way to a sink. */
class KeptObjects implements ReflectorSink<MetadataObject> {
  readonly #sink: ReflectorSink<MetadataObject>;
  readonly #onChange: () => void;
  readonly #byKey = new Map<string, { readonly object: MetadataObject; readonly listing: number }>();
  #listing = 0;

  constructor(sink: ReflectorSink<MetadataObject>, onChange: () => void) {
    this.#sink = sink;
    this.#onChange = onChange;
  }

  *all(): Iterable<MetadataObject> {
    for (const { object } of this.#byKey.values()) yield object;
  }

  listing(): void {
    this.#listing++;
    this.#sink.listing();
  }

  upsert(object: MetadataObject): void {
    this.#byKey.set(object.uid, { object, listing: this.#listing });
    this.#onChange();
    this.#sink.upsert(object);
  }

  remove(object: MetadataObject): void {
    if (this.#byKey.delete(object.uid)) this.#onChange();
    this.#sink.remove(object);
  }

  listed(): void {
    for (const [key, { listing }] of this.#byKey) if (listing !== this.#listing) this.#byKey.delete(key);
    this.#sink.listed();
  }
}
