/** The figures of `bench -- ui`, each beside the goal that it is to meet. */
import { markdownTable, median, percentile } from "../figures.ts";
import type { Cancelled, Measured } from "./measure.ts";

export type Contender = "from the server" | "dropped" | "speedscope";

/** All runs of a contender on a profile. */
export interface Result {
  readonly profile: string;
  readonly contender: Contender;
  readonly runs: readonly Measured[];
}

/** What a contender may take at most; undefined: nobody promised anything. */
interface Goals {
  readonly paintMs?: number;
  readonly longestTaskMs?: number;
  readonly heapMb?: number;
  readonly pssMb?: number;
  readonly frameMs?: readonly [p50: number, p95: number];
  readonly drawMs?: readonly [p50: number, p95: number];
  readonly searchMs?: number;
}

const MOVING = { frameMs: [17, 34], drawMs: [6, 12] } as const;
const DROPPED_PAINT_MS: Readonly<Record<string, number>> = { "200k": 1200, "1m": 5000, wide: 3000 };

/** What the page promises (docs/benchmarks.md). */
function goalsOf(profile: string, contender: Contender): Goals {
  if (contender === "speedscope") return {};
  if (contender === "from the server") {
    return { paintMs: 150, longestTaskMs: 80, heapMb: 15, pssMb: 200, ...MOVING, searchMs: 50 };
  }
  const paintMs = DROPPED_PAINT_MS[profile];
  return { ...(paintMs === undefined ? {} : { paintMs }), longestTaskMs: 80, pssMb: 500, ...MOVING, searchMs: 150 };
}

/** Medians over the runs, each with its goal; `!` stands behind what misses it. */
export function resultTable(results: readonly Result[]): string {
  const head = [
    "profile",
    "contender",
    "data to paint",
    "longest task",
    "heap + buffers",
    "PSS (peak RSS)",
    "frame p50 / p95",
    "draw p50 / p95",
    "search median / worst",
  ];
  return markdownTable(
    head,
    results.map((result) => [result.profile, nameOf(result), ...cellsOf(result)]),
  );
}

function nameOf({ contender, runs }: Result): string {
  const failed = runs.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  const name = contender === "speedscope" ? contender : `podflame, ${contender}`;
  return failed.length === 0 ? name : `${name} (${failed.length} of ${runs.length} failed: ${failed[0]})`;
}

function cellsOf({ profile, contender, runs }: Result): string[] {
  const sound = runs.filter(({ failure }) => failure === undefined);
  if (sound.length === 0) return Array.from({ length: 7 }, () => "–");
  const goals = goalsOf(profile, contender);
  const over = (of: (run: Measured) => number): number => median(sound.map(of));
  const pair = (
    of: (run: Measured) => readonly number[],
    shares: readonly [number, number],
    [low, high]: readonly (number | undefined)[] = [],
  ): string => {
    if (sound.every((run) => of(run).length === 0)) return "–";
    const [first, second] = shares.map((share) => over((run) => percentile(of(run), share)));
    return `${judged(first!, low, 1)} / ${judged(second!, high, 1)} ms`;
  };
  return [
    `${judged(
      over(({ paintMs }) => paintMs ?? Number.NaN),
      goals.paintMs,
    )} ms`,
    `${judged(
      over(({ longestTaskMs }) => longestTaskMs),
      goals.longestTaskMs,
    )} ms`,
    `${judged(
      over(({ heapBytes }) => heapBytes / 1e6),
      goals.heapMb,
    )} + ${over(({ backingBytes }) => backingBytes / 1e6).toFixed(0)} MB`,
    `${judged(
      over(({ pssBytes }) => pssBytes / 1e6),
      goals.pssMb,
    )} (${over(({ peakBytes }) => peakBytes / 1e6).toFixed(0)}) MB`,
    pair(({ frameMs }) => frameMs, [0.5, 0.95], goals.frameMs),
    pair(({ drawMs }) => drawMs, [0.5, 0.95], goals.drawMs),
    pair(({ searchMs }) => searchMs, [0.5, 1], [goals.searchMs]),
  ];
}

/** A figure with its goal, e.g. `137 (≤150)`, or `160 (≤150!)` where it misses it. */
export function judged(figure: number, goal: number | undefined, digits = 0): string {
  const text = figure.toFixed(digits);
  if (goal === undefined) return text;
  return `${text} (≤${goal}${Number(text) > goal ? "!" : ""})`;
}

/** Medians of what giving up a file takes. */
export function cancelLine(profile: string, runs: readonly Cancelled[]): string {
  const over = (of: (run: Cancelled) => number): number => median(runs.map(of));
  return (
    `${profile} dropped: ${over(({ reports }) => reports)} reports of progress, ` +
    `at most ${over(({ longestSilenceMs }) => longestSilenceMs).toFixed(0)} ms apart; given up half-way: ` +
    `told after ${over(({ rejectedMs }) => rejectedMs).toFixed(1)} ms, next frame after ${over(({ paintedMs }) => paintedMs).toFixed(0)} ms`
  );
}
