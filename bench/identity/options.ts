import type { ContenderName } from "../intake/contender.ts";

/** Parts of `npm run bench -- identity`. */
export const PARTS = ["look-up", "short-lived", "updates", "api-load", "footprint"] as const;
export type Part = (typeof PARTS)[number];

/** What all parts are run with. */
export interface BenchOptions {
  readonly contenders: readonly ContenderName[];
  readonly runs: number;
  /** Numbers of pods for `footprint`. */
  readonly pods: readonly number[];
  /** Time of the load of `short-lived`, `updates` and `api-load`. */
  readonly seconds: number;
  /** From the first sync until idle memory is read. */
  readonly settleSeconds: number;
  readonly serverCpu: number;
}
