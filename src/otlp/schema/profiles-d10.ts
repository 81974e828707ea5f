import type { SchemaText } from "./schema.ts";

/** profiles.proto and profiles_service.proto of opentelemetry-proto 1.10 and 1.11 (layout family D10). */
export const PROFILES_D10: SchemaText = {
  ExportProfilesServiceRequest: `
    1 resource_profiles ResourceProfiles*
    2 dictionary ProfilesDictionary`,
  ResourceProfiles: `
    1 resource Resource
    2 scope_profiles ScopeProfiles*
    3 schema_url string`,
  ScopeProfiles: `
    1 scope InstrumentationScope
    2 profiles Profile*
    3 schema_url string`,
  ProfilesDictionary: `
    1 mapping_table Mapping*
    2 location_table Location*
    3 function_table Function*
    4 link_table Link*
    5 string_table string*
    6 attribute_table KeyValueAndUnit*
    7 stack_table Stack*`,
  Profile: `
    1 sample_type ValueType
    2 samples Sample*
    3 time_unix_nano fixed64
    4 duration_nano uint64
    5 period_type ValueType
    6 period int64
    7 profile_id profileId
    8 dropped_attributes_count uint32
    9 original_payload_format string
    10 original_payload bytes
    11 attribute_indices int32*`,
  ValueType: `
    1 type_strindex int32
    2 unit_strindex int32`,
  Sample: `
    1 stack_index int32
    2 attribute_indices int32*
    3 link_index int32
    4 values int64*
    5 timestamps_unix_nano fixed64*`,
  Mapping: `
    1 memory_start uint64
    2 memory_limit uint64
    3 file_offset uint64
    4 filename_strindex int32
    5 attribute_indices int32*`,
  Location: `
    1 mapping_index int32
    2 address uint64
    3 lines Line*
    4 attribute_indices int32*`,
  Line: `
    1 function_index int32
    2 line int64
    3 column int64`,
  Function: `
    1 name_strindex int32
    2 system_name_strindex int32
    3 filename_strindex int32
    4 start_line int64`,
  Link: `
    1 trace_id traceId
    2 span_id spanId`,
  KeyValueAndUnit: `
    1 key_strindex int32
    2 value AnyValue
    3 unit_strindex int32`,
  Stack: `
    1 location_indices int32*`,
};
