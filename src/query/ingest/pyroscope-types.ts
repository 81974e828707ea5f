import type { SampleTypeName } from "#formats";

/** What the numbers of a profile are that doesn't say so itself. */
export interface PyroscopeType {
  readonly sampleType: SampleTypeName;
  /** They are hits of a sampler, each of which stands for its period. */
  readonly isHits: boolean;
}

const hits = (type: string): PyroscopeType => ({ sampleType: { type, unit: "nanoseconds" }, isHits: true });
const values = (type: string, unit: string): PyroscopeType => ({ sampleType: { type, unit }, isHits: false });

/** By what SDKs put behind the name of an application, or call a type for people (`display-name`). */
const BY_NAME: ReadonlyMap<string, PyroscopeType> = new Map([
  ["cpu", hits("cpu")],
  ["itimer", hits("cpu")],
  ["wall", hits("wall")],
  ["alloc_objects", values("alloc_objects", "count")],
  ["alloc_space", values("alloc_space", "bytes")],
  ["inuse_objects", values("inuse_objects", "count")],
  ["inuse_space", values("inuse_space", "bytes")],
  ["alloc_in_new_tlab_objects", values("alloc_in_new_tlab_objects", "count")],
  ["alloc_in_new_tlab_bytes", values("alloc_in_new_tlab_bytes", "bytes")],
  ["alloc_outside_tlab_objects", values("alloc_outside_tlab_objects", "count")],
  ["alloc_outside_tlab_bytes", values("alloc_outside_tlab_bytes", "bytes")],
  ["goroutines", values("goroutine", "count")],
  ["mutex_count", values("contentions", "count")],
  ["mutex_duration", values("delay", "nanoseconds")],
  ["block_count", values("contentions", "count")],
  ["block_duration", values("delay", "nanoseconds")],
  ["lock_count", values("contentions", "count")],
  ["lock_duration", values("delay", "nanoseconds")],
  ["exceptions", values("exceptions", "count")],
]);

/** By the parameter `units`, for names that end in none of those. */
const BY_UNITS: ReadonlyMap<string, PyroscopeType> = new Map([
  ["samples", hits("cpu")],
  ["objects", values("objects", "count")],
  ["bytes", values("space", "bytes")],
  ["goroutines", values("goroutine", "count")],
  ["lock_samples", values("contentions", "count")],
  ["lock_nanoseconds", values("delay", "nanoseconds")],
  ["exceptions", values("exceptions", "count")],
]);

/** What is counted, by the end of an application's name or else its units; CPU time unless that is known. */
export function pyroscopeType(suffix: string | undefined, units: string | undefined): PyroscopeType {
  return (suffix === undefined ? undefined : BY_NAME.get(suffix)) ?? BY_UNITS.get(units ?? "") ?? hits("cpu");
}

/** Whether a name of an application may end in this because of what was counted. */
export function isPyroscopeType(suffix: string): boolean {
  return BY_NAME.has(suffix);
}

/** What a type is called here that Pyroscope's page calls so. */
export function typeOfDisplayName(name: string): string {
  return BY_NAME.get(name)?.sampleType.type ?? name;
}
