import type { KeyFilter, MetadataObject } from "#kubernetes";
import { keptTexts } from "../kept-texts.ts";
import { LIVE, MIRROR_ANNOTATION, type ObjectRecord, type PodRecord } from "../records.ts";
import { encodeBatch, encodeEvent, type FeedEvent, keyOfObject, keyOfPod } from "./feed-message.ts";

/** Characters of a batch's events, about; the connection takes messages of 4 MiB. */
const BATCH_CHARACTERS = 256 << 10;
/** A pod that is larger than that isn't told: its annotations alone may have 1.5 MiB in etcd. */
const LARGEST_EVENT_CHARACTERS = 2 << 20;
/** Goings that are remembered a node, for agents that come back. */
const MAX_GONE = 1_000;

/** Something that an agent of the node should know: what there is, or that it is gone. */
type Entry =
  | { readonly version: number; readonly kind: "pod"; readonly record: PodRecord }
  | { readonly version: number; readonly kind: "object"; readonly object: MetadataObject }
  | { readonly version: number; readonly kind: "gone" };

/** Where a reader is in a node's feed. */
export interface FeedPosition {
  /** A list is to begin, is being told, or was told to its end. */
  readonly phase: "beginning" | "listing" | "listed";
  /** Version of what was told last. */
  readonly version: number;
  /** Version of the feed when the list began. */
  readonly listedFrom: number;
}

/** What to send, and where the reader is then. */
export interface FeedStep {
  readonly message: Uint8Array;
  readonly events: number;
  /** Pods that were left out of it, for they are too large. */
  readonly leftOut: number;
  readonly position: FeedPosition;
}

/**
 * What is to be told of one node's pods and the objects around them, by the order in which it changed last. It holds what
 * there is, once, and the latest that went; how far an agent is, is one number. So agents that are slow cost nothing, and
 * hear of the last state only.
 */
export class NodeFeed {
  readonly node: string;
  readonly #epoch: string;
  readonly #keys: KeyFilter;
  /** In the order of their versions. */
  readonly #entries = new Map<string, Entry>();
  readonly #onChange = new Set<() => void>();
  #version = 0;
  #gone = 0;
  /** The highest version of a going that isn't remembered. */
  #forgotten = 0;

  /** @param epoch tells this feed's versions from those of another process, or of an earlier feed of the node */
  constructor(node: string, epoch: string, keys: KeyFilter) {
    this.node = node;
    this.#epoch = epoch;
    this.#keys = keys;
  }

  /** Takes in how a pod of the node is now. */
  update(record: PodRecord): void {
    const key = keyOfPod(record.pod);
    if (record.goneSinceMs !== LIVE) {
      if (this.#entries.get(key)?.kind === "pod") this.#forget(key);
      this.#forgetUnused();
    } else {
      for (const { object } of around(record)) if (object !== undefined) this.#updateObject(object);
      this.#put(key, { version: ++this.#version, kind: "pod", record });
    }
    this.touch();
  }

  /** Has those who follow look whether there is something for them. */
  touch(): void {
    for (const changed of this.#onChange) changed();
  }

  /** Calls `changed` at each change, until the function that is returned is called. */
  listen(changed: () => void): () => void {
    this.#onChange.add(changed);
    return () => void this.#onChange.delete(changed);
  }

  /** Where a reader goes on that was at `since`; from the beginning where that says nothing here. */
  resume(since: string | undefined): FeedPosition {
    const match = /^(.+):(\d{1,15})$/.exec(since ?? "");
    const version = Number(match?.[2]);
    if (match?.[1] !== this.#epoch || version > this.#version || version < this.#forgotten) {
      return this.#beginning();
    }
    return { phase: "listed", version, listedFrom: 0 };
  }

  /**
   * What a reader at that position is to be told next; undefined for nothing.
   * @param kinds of objects that it wants to know of
   * @param isComplete whether what is here is all that there is, so that a list may end
   */
  next(position: FeedPosition, kinds: ReadonlySet<string>, isComplete: boolean): FeedStep | undefined {
    // What went unnoticed can't be told any more: all over again.
    const isLost = this.#forgotten > Math.max(position.version, position.listedFrom);
    const { phase, version: told, listedFrom } = isLost ? this.#beginning() : position;
    const { events, leftOut, version, isAll } = this.#eventsAfter(told, kinds);
    const isListed = phase === "listed" || (isAll && isComplete);
    if (events.length === 0 && (phase === "listed" || (phase === "listing" && !isListed))) return undefined;
    const at = isListed ? `${this.#epoch}:${version}` : undefined;
    const listing = phase === "beginning";
    return {
      message: encodeBatch({ listing, listed: isListed && phase !== "listed", at }, events),
      events: events.length,
      leftOut,
      position: { phase: isListed ? "listed" : "listing", version, listedFrom },
    };
  }

  /** One batch of what changed after a version, and how far it goes. */
  #eventsAfter(
    told: number,
    kinds: ReadonlySet<string>,
  ): {
    readonly events: readonly string[];
    readonly leftOut: number;
    readonly version: number;
    readonly isAll: boolean;
  } {
    const events: string[] = [];
    let [version, characters, leftOut] = [told, 0, 0];
    for (const [key, entry] of this.#entries) {
      if (entry.version <= told) continue;
      if (characters >= BATCH_CHARACTERS) return { events, leftOut, version, isAll: false };
      ({ version } = entry);
      if (entry.kind === "object" && !kinds.has(entry.object.kind)) continue;
      const event = encodeEvent(this.#eventOf(key, entry));
      if (event.length > LARGEST_EVENT_CHARACTERS) {
        leftOut++;
        continue;
      }
      characters += event.length;
      events.push(event);
    }
    return { events, leftOut, version, isAll: true };
  }

  #beginning(): FeedPosition {
    return { phase: "beginning", version: 0, listedFrom: this.#version };
  }

  #eventOf(key: string, entry: Entry): FeedEvent {
    if (entry.kind === "gone") return { kind: "gone", key };
    if (entry.kind === "object") return { kind: "object", object: entry.object };
    const { pod } = entry.record;
    const labels = keptTexts(pod.labels, (label) => this.#keys.label(label));
    const isTold = (key: string): boolean => key === MIRROR_ANNOTATION || this.#keys.annotation(key);
    const annotations = keptTexts(pod.annotations, isTold);
    return { kind: "pod", pod: { ...pod, labels, annotations } };
  }

  #updateObject(object: MetadataObject): void {
    const key = keyOfObject(object);
    const known = this.#entries.get(key);
    if (known?.kind === "object" && known.object === object) return;
    this.#put(key, { version: ++this.#version, kind: "object", object });
  }

  /** Objects that no pod of the node belongs to any more. */
  #forgetUnused(): void {
    const used = new Set<string>();
    for (const entry of this.#entries.values()) {
      if (entry.kind !== "pod") continue;
      for (const { object } of around(entry.record)) if (object !== undefined) used.add(keyOfObject(object));
    }
    // What is forgotten comes by again at the end, as gone.
    for (const [key, { kind }] of this.#entries) if (kind === "object" && !used.has(key)) this.#forget(key);
  }

  #forget(key: string): void {
    this.#put(key, { version: ++this.#version, kind: "gone" });
    if (++this.#gone <= MAX_GONE) return;
    for (const [oldest, { kind, version }] of this.#entries) {
      if (kind !== "gone") continue;
      this.#entries.delete(oldest);
      this.#gone--;
      this.#forgotten = version;
      return;
    }
  }

  /** At the end, for the order is that of the versions. */
  #put(key: string, entry: Entry): void {
    if (this.#entries.get(key)?.kind === "gone") this.#gone--;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }
}

/** What a pod belongs to, and what that belongs to: owners before what they own. */
function* around({ links }: PodRecord): Iterable<ObjectRecord> {
  for (const link of links) {
    if (link.owner !== undefined) yield link.owner;
    yield link;
  }
}
