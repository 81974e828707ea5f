import { PROFILES_D10 } from "./profiles-d10.ts";
import type { SchemaText } from "./schema.ts";

/** opentelemetry-proto 1.9: 1.10 but for the numbers of Sample's fields. */
export const PROFILES_D9: SchemaText = {
  ...PROFILES_D10,
  Sample: `
    1 stack_index int32
    2 values int64*
    3 attribute_indices int32*
    4 link_index int32
    5 timestamps_unix_nano fixed64*`,
};

/** opentelemetry-proto 1.8. */
export const PROFILES_D8: SchemaText = {
  ...PROFILES_D9,
  Profile: `
    1 sample_type ValueType
    2 sample Sample*
    3 time_unix_nano fixed64
    4 duration_nano uint64
    5 period_type ValueType
    6 period int64
    7 comment_strindices int32*
    8 profile_id profileId
    9 dropped_attributes_count uint32
    10 original_payload_format string
    11 original_payload bytes
    12 attribute_indices int32*`,
  ValueType: `
    1 type_strindex int32
    2 unit_strindex int32
    3 aggregation_temporality AggregationTemporality`,
  Location: `
    1 mapping_index int32
    2 address uint64
    3 line Line*
    4 attribute_indices int32*`,
};
