import type { SchemaText } from "./schema.ts";

/** common.proto and resource.proto of opentelemetry-proto 1.11. */
export const COMMON: SchemaText = {
  AnyValue: `
    1 string_value string|
    2 bool_value bool|
    3 int_value int64|
    4 double_value double|
    5 array_value ArrayValue|
    6 kvlist_value KeyValueList|
    7 bytes_value bytes|
    8 string_value_strindex int32|`,
  ArrayValue: `
    1 values AnyValue*`,
  KeyValueList: `
    1 values KeyValue*`,
  KeyValue: `
    1 key string
    2 value AnyValue
    3 key_strindex int32`,
  InstrumentationScope: `
    1 name string
    2 version string
    3 attributes KeyValue*
    4 dropped_attributes_count uint32`,
  EntityRef: `
    1 schema_url string
    2 type string
    3 id_keys string*
    4 description_keys string*`,
  Resource: `
    1 attributes KeyValue*
    2 dropped_attributes_count uint32
    3 entity_refs EntityRef*`,
};
