import type { SchemaText } from "./schema.ts";

/** Messages that layouts D4, D5, D6 and D7 have in common (opentelemetry-proto 1.4 to 1.7). */
const SHARED: SchemaText = {
  ResourceProfiles: `
    1 resource Resource
    2 scope_profiles ScopeProfiles*
    3 schema_url string`,
  ScopeProfiles: `
    1 scope InstrumentationScope
    2 profiles Profile*
    3 schema_url string`,
  AttributeUnit: `
    1 attribute_key_strindex int32
    2 unit_strindex int32`,
  Link: `
    1 trace_id traceId
    2 span_id spanId`,
  ValueType: `
    1 type_strindex int32
    2 unit_strindex int32
    3 aggregation_temporality AggregationTemporality`,
  Sample: `
    1 locations_start_index int32
    2 locations_length int32
    3 value int64*
    4 attribute_indices int32*
    5 link_index int32?
    6 timestamps_unix_nano uint64*`,
  Mapping: `
    1 memory_start uint64
    2 memory_limit uint64
    3 file_offset uint64
    4 filename_strindex int32
    5 attribute_indices int32*
    6 has_functions bool
    7 has_filenames bool
    8 has_line_numbers bool
    9 has_inline_frames bool`,
  Location: `
    1 mapping_index int32?
    2 address uint64
    3 line Line*
    4 is_folded bool
    5 attribute_indices int32*`,
  Line: `
    1 function_index int32
    2 line int64
    3 column int64`,
  Function: `
    1 name_strindex int32
    2 system_name_strindex int32
    3 filename_strindex int32
    4 start_line int64`,
};

/** Profile of D4 and D5 but for its attributes: it brings its own tables. */
const PROFILE_WITH_TABLES = `
    1 sample_type ValueType*
    2 sample Sample*
    3 mapping_table Mapping*
    4 location_table Location*
    5 location_indices int32*
    6 function_table Function*
    7 attribute_table KeyValue*
    8 attribute_units AttributeUnit*
    9 link_table Link*
    10 string_table string*
    11 time_nanos int64
    12 duration_nanos int64
    13 period_type ValueType
    14 period int64
    15 comment_strindices int32*
    16 default_sample_type_strindex int32
    17 profile_id profileId
    19 dropped_attributes_count uint32
    20 original_payload_format string
    21 original_payload bytes`;

/** Profile of D6 and D7. */
const PROFILE_WITHOUT_TABLES = `
    1 sample_type ValueType*
    2 sample Sample*
    3 location_indices int32*
    4 time_nanos int64
    5 duration_nanos int64
    6 period_type ValueType
    7 period int64
    8 comment_strindices int32*
    9 default_sample_type_index int32
    10 profile_id profileId
    11 dropped_attributes_count uint32
    12 original_payload_format string
    13 original_payload bytes
    14 attribute_indices int32*`;

/** opentelemetry-proto 1.4. */
export const PROFILES_D4: SchemaText = {
  ...SHARED,
  ProfilesData: `
    1 resource_profiles ResourceProfiles*`,
  Profile: `${PROFILE_WITH_TABLES}
    18 attributes KeyValue*`,
};

/** opentelemetry-proto 1.5. */
export const PROFILES_D5: SchemaText = {
  ...PROFILES_D4,
  Profile: `${PROFILE_WITH_TABLES}
    22 attribute_indices int32*`,
};

/** opentelemetry-proto 1.6: tables of their own in ProfilesData, none in the export request. */
export const PROFILES_D6: SchemaText = {
  ...SHARED,
  ProfilesData: `
    1 resource_profiles ResourceProfiles*
    2 mapping_table Mapping*
    3 location_table Location*
    4 function_table Function*
    5 link_table Link*
    6 string_table string*
    7 attribute_table KeyValue*
    8 attribute_units AttributeUnit*`,
  Profile: PROFILE_WITHOUT_TABLES,
};

/** opentelemetry-proto 1.7. */
export const PROFILES_D7: SchemaText = {
  ...SHARED,
  ProfilesData: `
    1 resource_profiles ResourceProfiles*
    2 dictionary ProfilesDictionary`,
  ProfilesDictionary: `
    1 mapping_table Mapping*
    2 location_table Location*
    3 function_table Function*
    4 link_table Link*
    5 string_table string*
    6 attribute_table KeyValue*
    7 attribute_units AttributeUnit*`,
  Profile: PROFILE_WITHOUT_TABLES,
};
