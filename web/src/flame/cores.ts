import { nanosecondsIn } from "../format/quantities.ts";
import type { FlameMeasure } from "./flame-tree.ts";

/** Average CPUs that a value is; undefined where the measure is no CPU time. @param other of the second selection */
export function coresOf(measure: FlameMeasure, value: number, other = false): number | undefined {
  const coveredMs = other ? measure.otherCoveredMs : measure.coveredMs;
  const nanoseconds = nanosecondsIn(measure.unit);
  if (coveredMs === undefined || coveredMs <= 0 || nanoseconds === undefined) return undefined;
  return (value * nanoseconds) / (coveredMs * 1e6);
}
