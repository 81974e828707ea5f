import type { PodObject, ReflectorSink } from "#kubernetes";
import { identityOf, staticUidOf } from "../records.ts";
import { samePod } from "../same-object.ts";
import { mergePods, type Sighting, SOURCE_KINDS, type SourceKind } from "./precedence.ts";

/** What one source knows of a pod, and in which of its lists it was last. */
interface View extends Sighting {
  readonly listing: number;
}

/** A pod by the views of the sources that know it, at the positions of `SOURCE_KINDS`. */
interface Entry {
  readonly views: (View | undefined)[];
  /** As the sink was told last. */
  told: PodObject | undefined;
}

export interface PodMergerSettings {
  readonly sink: ReflectorSink<PodObject>;
  /** Called when a source has told all that it knows, each time. */
  readonly onListed?: (source: SourceKind) => void;
  /** Sources of which any, with a whole list, makes the directory complete enough to say that a pod is unknown. */
  readonly completing: readonly SourceKind[];
}

/**
 * Joins what several sources know of the same pods into one view for a sink. Each source is fed as if it were alone, and
 * owns what it told: what it doesn't list any more, it takes back; what others know stays. A pod is one by the uid that
 * it has on its node, so that a static pod and its mirror in the API meet.
 *
 * The sink hears one list in all: it begins with the merger and is complete as soon as one of `completing` is. Changes
 * go through at once, before and after.
 */
export class PodMerger {
  readonly #settings: PodMergerSettings;
  readonly #entries = new Map<string, Entry>();
  readonly #sizes = new Map<SourceKind, number>();
  #told = 0;
  #isComplete = false;

  constructor(settings: PodMergerSettings) {
    this.#settings = settings;
    settings.sink.listing();
  }

  /** Pods that a source knows. */
  sizeOf(source: SourceKind): number {
    return this.#sizes.get(source) ?? 0;
  }

  /** The sink for what that source tells. One a source. */
  source(source: SourceKind): ReflectorSink<PodObject> {
    let listing = 0;
    return {
      listing: () => {
        listing++;
      },
      upsert: (pod) => this.#upsert(source, pod, listing),
      remove: (pod) => this.#remove(source, pod),
      listed: () => {
        this.#forget(source, (view) => view.listing !== listing);
        this.#listed(source);
      },
    };
  }

  /** A source is no source any more: all that it alone knew is gone. */
  drop(source: SourceKind): void {
    this.#forget(source, () => true);
  }

  #upsert(source: SourceKind, pod: PodObject, listing: number): void {
    const key = keyOf(pod);
    const at = SOURCE_KINDS.indexOf(source);
    let entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, (entry = { views: [], told: undefined }));
    const before = entry.views[at];
    // Sources that are polled tell the same again and again.
    if (before !== undefined && samePod(before.pod, pod)) {
      entry.views[at] = { ...before, listing };
      return;
    }
    if (before === undefined) this.#count(source, 1);
    entry.views[at] = { pod, told: ++this.#told, listing };
    this.#tell(key, entry);
  }

  #remove(source: SourceKind, pod: PodObject): void {
    const key = keyOf(pod);
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#take(source, key, entry);
  }

  #forget(source: SourceKind, isGone: (view: View) => boolean): void {
    const at = SOURCE_KINDS.indexOf(source);
    for (const [key, entry] of this.#entries) {
      const view = entry.views[at];
      if (view !== undefined && isGone(view)) this.#take(source, key, entry);
    }
  }

  #take(source: SourceKind, key: string, entry: Entry): void {
    const at = SOURCE_KINDS.indexOf(source);
    if (entry.views[at] === undefined) return;
    entry.views[at] = undefined;
    this.#count(source, -1);
    this.#tell(key, entry);
  }

  #tell(key: string, entry: Entry): void {
    const { sink } = this.#settings;
    const before = entry.told;
    const sightings = entry.views.filter((view) => view !== undefined);
    if (sightings.length === 0) {
      this.#entries.delete(key);
      if (before !== undefined) sink.remove(before);
      return;
    }
    const merged = mergePods(sightings);
    // The mirror of a static pod came or went: another uid is another pod to the sink.
    if (before !== undefined && before.uid !== merged.uid) sink.remove(before);
    entry.told = merged;
    sink.upsert(merged);
  }

  #listed(source: SourceKind): void {
    this.#settings.onListed?.(source);
    if (this.#isComplete || !this.#settings.completing.includes(source)) return;
    this.#isComplete = true;
    this.#settings.sink.listed();
  }

  #count(source: SourceKind, by: number): void {
    this.#sizes.set(source, this.sizeOf(source) + by);
  }
}

function keyOf(pod: PodObject): string {
  return staticUidOf(pod) ?? identityOf(pod) ?? "";
}
