import type { TimeRange } from "../profile-store.ts";
import type { Block, Catalogue } from "./catalogue.ts";
import { FINE, HOUR_SECONDS, type Tier, TIERS } from "./tiers.ts";

const HOUR_MS = HOUR_SECONDS * 1000;

/** Blocks of one tier to read for a stretch of time. */
export interface Piece {
  readonly tier: Tier;
  /** Milliseconds, whole buckets of the tier. */
  readonly from: number;
  readonly to: number;
  readonly blocks: readonly Block[];
}

/** What to read for a range. */
export interface ReadPlan {
  readonly covered: TimeRange;
  readonly pieces: readonly Piece[];
  readonly gaps: readonly TimeRange[];
}

interface HourChoice {
  readonly tier: Tier;
  /** Blocks of that tier. */
  readonly blocks: readonly Block[];
  /** Fine blocks that the tier doesn't have yet. */
  readonly rest: readonly Block[];
  readonly isDamaged: boolean;
}

/**
 * Chooses for each hour of a range the tier to read: the wanted one, else a finer one, else a coarser one, where the data
 * is complete and whole. Each sample is in exactly one of the chosen blocks: the coarser tiers have what fine blocks say
 * that they have handed on (`isRolled`), and the other fine blocks are read beside them.
 *
 * @param held when the store's data begins and ends, blocks and head together
 */
export function planRange(catalogue: Catalogue, range: TimeRange, held: TimeRange, wanted: Tier): ReadPlan {
  const from = Math.max(range.from, held.from);
  const to = Math.min(range.to, held.to);
  // Without an end it ends where the data does.
  const bounded = {
    from: Number.isFinite(range.from) ? range.from : Number.isFinite(from) ? from : 0,
    to: Number.isFinite(range.to) ? range.to : Number.isFinite(to) ? to : 0,
  };
  if (!(from < to)) return { covered: aligned(bounded, wanted, wanted), pieces: [], gaps: [] };
  const all = catalogue.blocks;
  const first = Math.floor(from / HOUR_MS);
  const last = Math.ceil(to / HOUR_MS);
  const runs: { tier: Tier; from: number; to: number; blocks: Set<Block>; rest: Set<Block> }[] = [];
  const gaps: TimeRange[] = [];
  for (let hour = first; hour < last; hour++) {
    const choice = chooseTier(catalogue, all, hour * HOUR_MS, wanted);
    if (choice.isDamaged) addGaps(gaps, [...choice.blocks, ...choice.rest], hour * HOUR_MS, range);
    let run = runs.at(-1);
    if (run?.tier !== choice.tier) {
      run = { tier: choice.tier, from: hour * HOUR_MS, to: 0, blocks: new Set(), rest: new Set() };
      runs.push(run);
    }
    run.to = (hour + 1) * HOUR_MS;
    for (const block of choice.blocks) if (!block.isDamaged) run.blocks.add(block);
    for (const block of choice.rest) if (!block.isDamaged) run.rest.add(block);
  }
  const covered = aligned(bounded, runs[0]!.tier, runs.at(-1)!.tier);
  const pieces = runs.flatMap((run) => {
    const piece = { from: Math.max(run.from, covered.from), to: Math.min(run.to, covered.to) };
    return [
      { tier: run.tier, ...piece, blocks: [...run.blocks] },
      { tier: FINE, ...piece, blocks: [...run.rest] },
    ].filter(({ blocks }) => blocks.length > 0);
  });
  return { covered, pieces, gaps };
}

function chooseTier(catalogue: Catalogue, all: readonly Block[], start: number, wanted: Tier): HourChoice {
  const position = TIERS.indexOf(wanted);
  const order = [...TIERS.slice(0, position + 1).reverse(), ...TIERS.slice(position + 1)];
  const inHour = all.filter((block) => block.from < start + HOUR_MS && block.to > start);
  const choices = order.map((tier): HourChoice => {
    const blocks = inHour.filter(({ step }) => step === tier.step);
    const rest = tier === FINE ? [] : inHour.filter(({ step, isRolled }) => step === FINE.step && !isRolled);
    return { tier, blocks, rest, isDamaged: [...blocks, ...rest].some(({ isDamaged }) => isDamaged) };
  });
  const isComplete = ({ tier }: HourChoice): boolean => (catalogue.horizons.get(tier.step) ?? -Infinity) <= start;
  const complete = choices.filter(isComplete);
  // What has expired everywhere is read from where most of it is left.
  const candidates = complete.length > 0 ? complete : choices.toReversed();
  return candidates.find(({ isDamaged }) => !isDamaged) ?? candidates[0]!;
}

function addGaps(gaps: TimeRange[], blocks: readonly Block[], start: number, range: TimeRange): void {
  for (const { isDamaged, from, to } of blocks) {
    if (!isDamaged) continue;
    const gap = { from: Math.max(from, start, range.from), to: Math.min(to, start + HOUR_MS, range.to) };
    const before = gaps.at(-1);
    if (before?.to === gap.from) gaps[gaps.length - 1] = { from: before.from, to: gap.to };
    else if (gap.from < gap.to) gaps.push(gap);
  }
}

/** Whole buckets around a range. */
function aligned({ from, to }: TimeRange, first: Tier, last: Tier): TimeRange {
  const [early, late] = [first.step * 1000, last.step * 1000];
  return { from: Math.floor(from / early) * early, to: Math.ceil(to / late) * late };
}
