import { MappingHas } from "../profiles/model.ts";

/** How today's attributes call what early layouts had fields for. */

/** Names of frame types in layout E (`Location.type_index`) whose spelling changed. */
const FRAME_TYPES: Readonly<Record<string, string>> = { python: "cpython", v8: "v8js", phpjit: "php" };

/** `python-error` of 2024 is `cpython` today. */
export function frameTypeOfToday(type: string): string {
  const name = type.replace(/-error$/, "");
  return FRAME_TYPES[name] ?? name;
}

/** Hash of parts of a binary (semantic conventions 1.29). */
export const HTLHASH = "process.executable.build_id.htlhash";
/** What the linker put into a binary. */
export const GNU_BUILD_ID = "process.executable.build_id.gnu";
/** What `HTLHASH` was called in 1.28. */
export const OLD_BUILD_ID = "process.executable.build_id.profiling";
/** Content hashes of an unknown kind have no name in the conventions. */
export const OTHER_BUILD_ID = "otlp.legacy.build_id";
/** Bits of `MappingHas` with the attributes that say it since 1.38, and the bits by attribute. */
export const HAS_ATTRIBUTES: readonly (readonly [number, string])[] = [
  [MappingHas.FUNCTIONS, "pprof.mapping.has_functions"],
  [MappingHas.FILENAMES, "pprof.mapping.has_filenames"],
  [MappingHas.LINE_NUMBERS, "pprof.mapping.has_line_numbers"],
  [MappingHas.INLINE_FRAMES, "pprof.mapping.has_inline_frames"],
];
export const HAS_BITS: ReadonlyMap<string, number> = new Map(HAS_ATTRIBUTES.map(([bit, key]) => [key, bit]));
/** Says of a location that several symbols share its address; and what it is as a field. */
export const IS_FOLDED = "pprof.location.is_folded";
export const FOLDED_BIT: ReadonlyMap<string, number> = new Map([[IS_FOLDED, 1]]);

/** Semantic conventions 1.38 to 1.40; the last one is podflame's, for what no layout can say any more. */
export const LegacyKey = {
  COMMENT: "pprof.profile.comment",
  DROP_FRAMES: "pprof.profile.drop_frames",
  KEEP_FRAMES: "pprof.profile.keep_frames",
  DEFAULT_TYPE: "pprof.scope.default_sample_type",
  TYPE_ORDER: "pprof.scope.sample_type_order",
  TEMPORALITY: "otlp.legacy.aggregation_temporality",
} as const;
