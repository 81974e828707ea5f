import { InvalidArgumentError } from "commander";
import { parseDurationMs } from "#collector";

/** For options that may stand several times, as Go's flags do. */
export function repeatable(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** A duration as Go writes it, in milliseconds. */
export function durationOption(value: string): number {
  const ms = parseDurationMs(value);
  if (ms === undefined || ms < 0) throw new InvalidArgumentError(`expected a duration such as "30s" or "1m30s".`);
  return ms;
}
