import type { ProfileType } from "#store";
import { QueryError } from "../query-error.ts";

/** What Pyroscope calls the profile that a type is of. */
const PROFILE_NAMES: readonly (readonly [type: RegExp, name: string, period: readonly [type: string, unit: string]])[] =
  [
    [/^cpu$/, "process_cpu", ["cpu", "nanoseconds"]],
    [/^(?:alloc|inuse)_(?:objects|space)$/, "memory", ["space", "bytes"]],
    [/^goroutines?$/, "goroutines", ["goroutine", "count"]],
    [/^(?:contentions|delay)$/, "mutex", ["contentions", "count"]],
  ];

/** A type by the five parts of Pyroscope's ids: name, sample type and unit, period type and unit. */
export interface ProfileTypeParts {
  readonly id: string;
  readonly name: string;
  readonly sampleType: string;
  readonly sampleUnit: string;
  readonly periodType: string;
  readonly periodUnit: string;
}

export function partsOf({ id, unit, period }: Pick<ProfileType, "id" | "unit" | "period">): ProfileTypeParts {
  const known = PROFILE_NAMES.find(([type]) => type.test(id));
  const name = known?.[1] ?? id;
  const [periodType, periodUnit] = known?.[2] ?? [period?.type ?? id, period?.unit ?? unit];
  const parts = { name, sampleType: id, sampleUnit: unit, periodType, periodUnit };
  return { id: Object.values(parts).join(":"), ...parts };
}

/** The type that an id means: its second part says it all. @throws QueryError "invalid" */
export function typeOfId(id: string): string {
  const parts = id.split(":");
  if (parts.length >= 2 && parts[1] !== "") return parts[1]!;
  throw new QueryError(
    "invalid",
    `not a profile type: ${id.slice(0, 100)}`,
    "Write process_cpu:cpu:nanoseconds:cpu:nanoseconds.",
  );
}
