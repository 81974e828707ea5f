import type { Clock } from "#telemetry";
import type { Block, BlockFile, Change } from "./catalogue.ts";
import { keptBytes, keptMs, type Retention } from "./settings.ts";
import { COARSE, FINE, TIERS } from "./tiers.ts";

/** A clock may be wrong by that before it is not believed. */
const MAX_JUMP_MS = 3_600_000;

/**
 * The time as retention sees it: a wall clock that jumps ahead must not remove everything. It goes on no faster than the
 * clock that can't jump, and begins no later than an hour after the newest sample: what was off for a month has time to
 * become old.
 */
export class RetentionClock {
  readonly #clock: Clock;
  #time: number;
  #at: number;

  /** @param newest time of the newest sample, 0 if there is none */
  constructor(clock: Clock, newest: number) {
    this.#clock = clock;
    const now = clock.nowMs();
    this.#time = newest > 0 ? Math.min(now, newest + MAX_JUMP_MS) : now;
    this.#at = clock.monotonicMs();
  }

  /** Milliseconds since 1970. */
  now(): number {
    const at = this.#clock.monotonicMs();
    // Twice as fast, to catch up with where it may be behind.
    const latest = this.#time + (at - this.#at) * 2;
    this.#at = at;
    this.#time = Math.min(this.#clock.nowMs(), latest);
    return this.#time;
  }
}

/** Why something was removed: its age, the bytes of its tier, or those of the whole store. */
export type Removal = "age" | "tier_bytes" | "total_bytes";

/** What is to go: the change of the catalogue, the files, and how many bytes of them for which reason. */
export interface Retired {
  readonly change: Change;
  readonly paths: readonly string[];
  readonly bytes: ReadonlyMap<Removal, number>;
  /** What the store has beyond `Retention.totalBytes` with nothing left to remove; 0 where the limit holds. */
  readonly excess: number;
}

/**
 * What is to go by age, by bytes of each tier, and by bytes of all. For the last, tiers are not emptied one after the
 * other: what goes first is what is nearest to the end of the time that it is kept for, as if all of those times were
 * shorter by the same share. Of two that are as near, single samples go before sums and finer sums before coarser ones;
 * what only the finest tier has yet counts as if it were of the coarsest.
 *
 * @param otherBytes files that are no blocks, which count and can't go: names, journal, catalogue
 */
export function retire(blocks: readonly Block[], retention: Retention, now: number, otherBytes: number): Retired {
  const leaving = new Leaving();
  for (const tier of TIERS) {
    const ofTier = blocks.filter(({ step }) => step === tier.step).sort((a, b) => a.to - b.to);
    const cutoff = now - keptMs(retention, tier);
    let bytes = ofTier.reduce((sum, block) => sum + bytesOf(sumsOf(block)), 0);
    for (const block of ofTier) {
      const isTooMuch = bytes > keptBytes(retention, tier);
      // What the coarser tiers don't have yet waits for them, unless it's too old for those as well.
      const isOld = block.to <= (isOnlyCopy(block) ? now - retention.coarseMs : cutoff);
      if (!isOld && !isTooMuch) {
        if (block.to > cutoff) break;
        continue;
      }
      bytes -= bytesOf(sumsOf(block));
      leaving.block(block, isOld ? "age" : "tier_bytes");
    }
  }
  for (const block of blocks) {
    if (block.step === FINE.step && block.to <= now - retention.rawMs) leaving.events(block, "age");
  }
  let excess = otherBytes + blocks.reduce((sum, { files }) => sum + bytesOf(files), 0) - leaving.total;
  excess -= retention.totalBytes;
  if (excess > 0) {
    for (const { block, isEvents } of byEnd(blocks, retention, now)) {
      excess -= isEvents ? leaving.events(block, "total_bytes") : leaving.block(block, "total_bytes");
      if (excess <= 0) break;
    }
  }
  return { ...leaving.all(), excess: Math.max(0, excess) };
}

/** Blocks and files on their way out, each once. */
class Leaving {
  readonly #blocks = new Set<Block>();
  readonly #events = new Map<Block, readonly BlockFile[]>();
  readonly #horizons = new Map<number, number>();
  readonly #bytes = new Map<Removal, number>();

  /** Bytes so far. */
  get total(): number {
    return [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** @returns bytes of the files that did not go before */
  block(block: Block, why: Removal): number {
    if (this.#blocks.has(block)) return 0;
    this.#blocks.add(block);
    this.#horizons.set(block.step, Math.max(block.to, this.#horizons.get(block.step) ?? -Infinity));
    const dropped = this.#events.get(block);
    this.#events.delete(block);
    return this.#count(why, bytesOf(block.files) - bytesOf(dropped ?? []));
  }

  /** The times of a block's single samples. @returns bytes of the files that did not go before */
  events(block: Block, why: Removal): number {
    const files = block.files.filter(isOfEvents);
    if (files.length === 0 || this.#blocks.has(block) || this.#events.has(block)) return 0;
    this.#events.set(block, files);
    return this.#count(why, bytesOf(files));
  }

  all(): Pick<Retired, "change" | "paths" | "bytes"> {
    const removeBlocks = [...this.#blocks];
    const dropFiles = [...this.#events.values()].flat();
    const paths = [...removeBlocks.flatMap(({ files }) => files), ...dropFiles].map(({ path }) => path);
    return { change: { removeBlocks, dropFiles, horizons: this.#horizons }, paths, bytes: this.#bytes };
  }

  #count(why: Removal, bytes: number): number {
    this.#bytes.set(why, (this.#bytes.get(why) ?? 0) + bytes);
    return bytes;
  }
}

/** Blocks, and their single samples apart; those first of whose time the most is over. */
function byEnd(
  blocks: readonly Block[],
  retention: Retention,
  now: number,
): readonly { readonly block: Block; readonly isEvents: boolean }[] {
  const share = ({ to }: Block, kept: number): number => (now - to) / Math.max(1, kept);
  return blocks
    .flatMap((block) => {
      const tier = isOnlyCopy(block) ? COARSE : TIERS.find(({ step }) => step === block.step)!;
      const sums = { block, isEvents: false, spent: share(block, keptMs(retention, tier)) };
      if (!block.files.some(isOfEvents)) return [sums];
      return [{ block, isEvents: true, spent: share(block, retention.rawMs) }, sums];
    })
    .sort((a, b) => b.spent - a.spent || Number(b.isEvents) - Number(a.isEvents) || a.block.step - b.block.step);
}

/** Whether no coarser tier has its samples. */
function isOnlyCopy({ step, isRolled }: Block): boolean {
  return step === FINE.step && !isRolled;
}

/** Single samples have a time limit of their own, and don't count among the bytes of a tier. */
function sumsOf({ files }: Block): readonly BlockFile[] {
  return files.filter((file) => !isOfEvents(file));
}

function isOfEvents({ kind }: BlockFile): boolean {
  return kind === "events";
}

function bytesOf(files: readonly BlockFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
