import type { ProfilesModel } from "#otlp";
import type { LinkList } from "./links.ts";
import { attributeText, framesOf, type ProfileReaders, type ReadProfile } from "./read-request.ts";
import type { StackTrie } from "./stack-trie.ts";

/** One occurrence of a sample. */
export interface RequestSample {
  /** Milliseconds. */
  readonly time: number;
  readonly value: number;
  readonly link: number;
  /** In the request's dictionary. */
  readonly stack: number;
  readonly process: string;
}

const EXECUTABLE = "process.executable.name";
/** Type of the frame by which a stack says that its callers are missing. */
const ABORT_MARKER = "abort-marker";

/** The samples of one request, and their stacks as paths of the store's tree. */
export class RequestSamples {
  readonly #model: ProfilesModel;
  readonly #readers: ProfileReaders;
  readonly #trie: StackTrie;
  readonly #links: LinkList;
  readonly #framesOfLocation = new Map<number, readonly number[]>();
  readonly #leaves = new Map<string, number>();

  constructor(model: ProfilesModel, readers: ProfileReaders, trie: StackTrie, links: LinkList) {
    this.#model = model;
    this.#readers = readers;
    this.#trie = trie;
    this.#links = links;
  }

  /** @param receivedAt for samples of which nobody said when they were taken; milliseconds */
  *samplesOf({ profile, attributes }: ReadProfile, receivedAt: number): Generator<RequestSample> {
    const { samples } = profile;
    const { links } = this.#model.dictionary;
    const profileTime = profile.timeUnixNano > 0n ? Number(profile.timeUnixNano) / 1e6 : receivedAt;
    const ofResource = attributes.get(EXECUTABLE) ?? "";
    for (let at = 0; at < samples.length; at++) {
      const { totals, timestamps, weights } = this.#readers.meaningOf(profile, "D10", at);
      const link = this.#links.intern(links.traceIds.bytes(samples.link[at]!), links.spanIds.bytes(samples.link[at]!));
      const own = samples.attributes.subarray(samples.attributeOffsets[at], samples.attributeOffsets[at + 1]);
      const process = attributeText(this.#model, own, EXECUTABLE, this.#readers) ?? ofResource;
      const stack = samples.stack[at]!;
      const sample = { link, stack, process };
      if (timestamps.length === 0 || weights === undefined) {
        const time = timestamps.length === 0 ? profileTime : Number(timestamps[0]!) / 1e6;
        yield { ...sample, time, value: Number(totals[0]!) };
      } else {
        for (let hit = 0; hit < timestamps.length; hit++) {
          yield { ...sample, time: Number(timestamps[hit]!) / 1e6, value: Number(weights[hit]!) };
        }
      }
    }
  }

  /** The node of the stack's innermost frame: root, process, then callers ahead of what they call. */
  leafOf({ stack, process }: RequestSample): number {
    const key = `${stack} ${process}`;
    let leaf = this.#leaves.get(key);
    if (leaf !== undefined) return leaf;
    const trie = this.#trie;
    const { offsets, values } = this.#model.dictionary.stacks;
    leaf = trie.child(0, trie.intern(mark("process", process)));
    for (let at = offsets[stack + 1]! - 1; at >= offsets[stack]!; at--) {
      for (const frame of this.#location(values[at]!)) {
        const isMark = trie.at(frame).type === ABORT_MARKER;
        leaf = trie.child(leaf, isMark ? trie.intern(mark("truncated", reasonOf(trie.at(frame).name))) : frame);
      }
    }
    this.#leaves.set(key, leaf);
    return leaf;
  }

  #location(location: number): readonly number[] {
    let frames = this.#framesOfLocation.get(location);
    if (!frames) {
      frames = framesOf(this.#model, location, this.#readers).map((frame) => this.#trie.intern(frame));
      this.#framesOfLocation.set(location, frames);
    }
    return frames;
  }
}

function mark(type: "process" | "truncated", name: string) {
  return { name, file: "", line: 0, type, mapping: "", address: 0n };
}

/** `[truncated]` says no more than the type does. */
function reasonOf(name: string): string {
  return name.replace(/^\[(.*)\]$/, "$1");
}
