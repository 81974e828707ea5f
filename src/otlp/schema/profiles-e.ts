import type { EnumSchema, SchemaText } from "./schema.ts";

/** profiles.proto, pprofextended.proto and profiles_service.proto of opentelemetry-proto 1.3 (layout E). */
export const PROFILES_E: SchemaText = {
  ProfilesData: `
    1 resource_profiles ResourceProfiles*`,
  ResourceProfiles: `
    1 resource Resource
    2 scope_profiles ScopeProfiles*
    3 schema_url string`,
  ScopeProfiles: `
    1 scope InstrumentationScope
    2 profiles ProfileContainer*
    3 schema_url string`,
  ProfileContainer: `
    1 profile_id profileId
    2 start_time_unix_nano fixed64
    3 end_time_unix_nano fixed64
    4 attributes KeyValue*
    5 dropped_attributes_count uint32
    6 original_payload_format string
    7 original_payload bytes
    8 profile Profile`,
  Profile: `
    1 sample_type ValueType*
    2 sample Sample*
    3 mapping Mapping*
    4 location Location*
    15 location_indices int64*
    5 function Function*
    16 attribute_table KeyValue*
    17 attribute_units AttributeUnit*
    18 link_table Link*
    6 string_table string*
    7 drop_frames int64
    8 keep_frames int64
    9 time_nanos int64
    10 duration_nanos int64
    11 period_type ValueType
    12 period int64
    13 comment int64*
    14 default_sample_type int64`,
  AttributeUnit: `
    1 attribute_key int64
    2 unit int64`,
  Link: `
    1 trace_id traceId
    2 span_id spanId`,
  ValueType: `
    1 type int64
    2 unit int64
    3 aggregation_temporality AggregationTemporality`,
  Sample: `
    1 location_index uint64*
    7 locations_start_index uint64
    8 locations_length uint64
    9 stacktrace_id_index uint32
    2 value int64*
    3 label Label*
    10 attributes uint64*
    12 link uint64
    13 timestamps_unix_nano uint64*`,
  Label: `
    1 key int64
    2 str int64
    3 num int64
    4 num_unit int64`,
  Mapping: `
    1 id uint64
    2 memory_start uint64
    3 memory_limit uint64
    4 file_offset uint64
    5 filename int64
    6 build_id int64
    11 build_id_kind BuildIdKind
    12 attributes uint64*
    7 has_functions bool
    8 has_filenames bool
    9 has_line_numbers bool
    10 has_inline_frames bool`,
  Location: `
    1 id uint64
    2 mapping_index uint64
    3 address uint64
    4 line Line*
    5 is_folded bool
    6 type_index uint32
    7 attributes uint64*`,
  Line: `
    1 function_index uint64
    2 line int64
    3 column int64`,
  Function: `
    1 id uint64
    2 name int64
    3 system_name int64
    4 filename int64
    5 start_line int64`,
};

export const PROFILES_E_ENUMS: Readonly<Record<string, EnumSchema>> = {
  BuildIdKind: { BUILD_ID_LINKER: 0, BUILD_ID_BINARY_HASH: 1 },
};
