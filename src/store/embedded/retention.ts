import type { Clock } from "#telemetry";
import type { Block, BlockFile, Change } from "./catalogue.ts";
import { keptBytes, keptMs, type Retention } from "./settings.ts";
import { FINE, TIERS } from "./tiers.ts";

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

/** What is to go, by age and by bytes: the change of the catalogue, and the files. */
export function retire(
  blocks: readonly Block[],
  retention: Retention,
  now: number,
): { readonly change: Change; readonly paths: readonly string[] } {
  const removeBlocks: Block[] = [];
  const horizons = new Map<number, number>();
  for (const tier of TIERS) {
    const ofTier = blocks.filter(({ step }) => step === tier.step).sort((a, b) => a.to - b.to);
    const cutoff = now - keptMs(retention, tier);
    let bytes = ofTier.reduce((sum, block) => sum + bytesOf(block), 0);
    for (const block of ofTier) {
      const isTooMuch = bytes > keptBytes(retention, tier);
      // What the coarser tiers don't have yet waits for them, unless it's too old for those as well.
      const isOld = block.to <= (tier === FINE && !block.isRolled ? now - retention.coarseMs : cutoff);
      if (!isOld && !isTooMuch) {
        if (block.to > cutoff) break;
        continue;
      }
      bytes -= bytesOf(block);
      removeBlocks.push(block);
      horizons.set(tier.step, block.to);
    }
  }
  const gone = new Set(removeBlocks);
  const dropFiles: BlockFile[] = [];
  for (const block of blocks) {
    if (block.step !== FINE.step || block.to > now - retention.rawMs || gone.has(block)) continue;
    dropFiles.push(...block.files.filter(({ kind }) => kind === "events"));
  }
  const files = [...removeBlocks.flatMap((block) => block.files), ...dropFiles];
  return { change: { removeBlocks, dropFiles, horizons }, paths: files.map(({ path }) => path) };
}

/** Single samples have a time limit of their own, and don't count. */
function bytesOf({ files }: Block): number {
  return files.reduce((sum, { kind, bytes }) => (kind === "events" ? sum : sum + bytes), 0);
}
