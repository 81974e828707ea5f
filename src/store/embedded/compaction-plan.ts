import type { Block, BlockFile } from "./catalogue.ts";
import { COARSE, DAY_SECONDS, FINE, HOUR_SECONDS, MINUTES, type Tier } from "./tiers.ts";

/** Blocks that become one: of the same tier (a merge), or one of a coarser tier beside them. */
export interface Merge {
  readonly sources: readonly Block[];
  readonly source: Tier;
  readonly targets: readonly Tier[];
  /** Of the result. */
  readonly level: number;
  /** The sources stay, and are marked as handed on. */
  readonly isRoll: boolean;
  /**
   * Files of the sources that become the result's as they are: large ones of rows and of single samples, so that an hour of
   * a large cluster stays in pieces of some minutes. Merging them makes single samples not smaller and rows hardly, is most
   * of the work, and a range that cuts the hour would read all of it.
   */
  readonly kept: readonly BlockFile[];
  /** The sources hardly have times in common. */
  readonly areApart: boolean;
}

const HOUR_MS = HOUR_SECONDS * 1000;
const DAY_MS = DAY_SECONDS * 1000;
/** After its end an hour is merged. Samples that come later are merged later. */
const HOUR_GRACE_MS = 90_000;
const DAY_GRACE_MS = 2 * HOUR_MS;
/** Fresh blocks of the running hour that are worth merging, where they are of some minutes, and however short they are. */
const FRESH = 10;
const FRESH_MS = 5 * 60_000;
const MANY_FRESH = 30;
/** Late blocks of one hour that wait for others as long as the hour isn't long ago. */
const LATE = 6;
const LATE_MS = 15 * 60_000;

/** Of blocks that are apart: the sum of their times by the time from the first to the last. */
const MAX_OVERLAP = 1.5;

/** Files from that size on stay as they are: ten minutes of some dozen nodes, and a twentieth of a second to read. */
const LARGE_BYTES = 2 << 20;

/** Merges of the running hour, of a whole hour, and of a day. */
const LEVEL = { MINUTES: 1, HOUR: 2, DAY: 3 } as const;

/** What to do next, the oldest first; undefined when all is in order. */
export function nextMerge(blocks: readonly Block[], now: number): Merge | undefined {
  const fine = new Map<number, Block[]>();
  const days = new Map<string, Block[]>();
  for (const block of blocks) {
    if (block.isDamaged) continue;
    if (block.step === FINE.step) collect(fine, Math.floor(block.from / HOUR_MS), block);
    else collect(days, `${block.step} ${Math.floor(block.from / DAY_MS)}`, block);
  }
  for (const [hour, inHour] of [...fine].sort(([a], [b]) => a - b)) {
    const merge = ofHour(inHour, now - (hour + 1) * HOUR_MS);
    if (merge) return merge;
  }
  for (const inDay of days.values()) {
    const merge = ofDay(inDay, now);
    if (merge) return merge;
  }
  return undefined;
}

/** @param since milliseconds since the hour's end; negative while it runs */
function ofHour(blocks: readonly Block[], since: number): Merge | undefined {
  const merge = (sources: readonly Block[], level: number): Merge => ({
    sources,
    source: FINE,
    targets: [FINE],
    level,
    isRoll: false,
    kept: level === LEVEL.HOUR ? sources.flatMap(({ files }) => files.filter(isLarge)) : [],
    areApart: areApart(sources),
  });
  const unrolled = blocks.filter(({ isRolled }) => !isRolled);
  if (since < HOUR_GRACE_MS) {
    const fresh = unrolled.filter(({ level }) => level === 0);
    const isWorthIt = fresh.length >= MANY_FRESH || (fresh.length >= FRESH && lengthOf(fresh) >= FRESH_MS);
    return isWorthIt ? merge(fresh, LEVEL.MINUTES) : undefined;
  }
  const rolled = blocks.filter(({ isRolled }) => isRolled);
  // Only what was handed on already, or was not, may become one block: nothing is to be handed on twice.
  if (unrolled.length > 1 && (rolled.length === 0 || unrolled.length >= LATE || since > LATE_MS)) {
    return merge(unrolled, LEVEL.HOUR);
  }
  if (unrolled.length === 1 && (rolled.length === 0 || since > LATE_MS)) {
    const targets = [MINUTES, COARSE];
    return { ...merge(unrolled, LEVEL.HOUR), targets, isRoll: true, kept: [] };
  }
  return rolled.length >= LATE ? merge(rolled, LEVEL.HOUR) : undefined;
}

function ofDay(blocks: readonly Block[], now: number): Merge | undefined {
  const end = (Math.floor(blocks[0]!.from / DAY_MS) + 1) * DAY_MS;
  const isFirst = blocks.every(({ level }) => level < LEVEL.DAY);
  if (now < end + DAY_GRACE_MS || blocks.length < (isFirst ? 2 : LATE)) return undefined;
  const tier = blocks[0]!.step === MINUTES.step ? MINUTES : COARSE;
  return {
    sources: blocks,
    source: tier,
    targets: [tier],
    level: LEVEL.DAY,
    isRoll: false,
    kept: [],
    areApart: areApart(blocks),
  };
}

function isLarge({ kind, bytes }: BlockFile): boolean {
  return (kind === "rows" || kind === "events") && bytes >= LARGE_BYTES;
}

/** Flushes overlap a bucket or two, where samples of some seconds ago came late. */
function areApart(blocks: readonly Block[]): boolean {
  const covered = blocks.reduce((sum, block) => sum + block.to - block.from, 0);
  return covered <= lengthOf(blocks) * MAX_OVERLAP;
}

/** Milliseconds from the first to the last sample. */
function lengthOf(blocks: readonly Block[]): number {
  return Math.max(...blocks.map(({ to }) => to)) - Math.min(...blocks.map(({ from }) => from));
}

function collect<K>(groups: Map<K, Block[]>, key: K, block: Block): void {
  const group = groups.get(key);
  if (group) group.push(block);
  else groups.set(key, [block]);
}
