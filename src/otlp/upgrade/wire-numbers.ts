import { profilesSchema } from "../schema/profiles-layouts.ts";

/** Field numbers of one layout by meaning, 0 where the layout lacks the field. */
export type WireNumbers = ReturnType<typeof numbersOf>;

/** Layouts that podflame writes: those that somebody receives (E: collectors and servers of 2024). */
export const WRITABLE_LAYOUTS = ["E", "D5", "D7", "D8", "D9", "D10"] as const;
export type WritableLayout = (typeof WRITABLE_LAYOUTS)[number];

const numbers = new Map<WritableLayout, WireNumbers>();

export function wireNumbers(layout: WritableLayout): WireNumbers {
  let found = numbers.get(layout);
  if (!found) numbers.set(layout, (found = numbersOf(layout)));
  return found;
}

/** Looked up in the tables of `schema/`, which are those of the .proto files; names as any release spelled them. */
function numbersOf(layout: WritableLayout) {
  const schema = profilesSchema(layout);
  const known = new Set(schema.names);
  const number = (message: string, ...names: readonly string[]): number => {
    const fields = known.has(message) ? schema.message(message).fields : [];
    return fields.find(({ protoName }) => names.includes(protoName))?.number ?? 0;
  };
  const tables = (owner: string) => ({
    mappings: number(owner, "mapping_table", "mapping"),
    locations: number(owner, "location_table", "location"),
    functions: number(owner, "function_table", "function"),
    links: number(owner, "link_table"),
    strings: number(owner, "string_table"),
    attributes: number(owner, "attribute_table"),
    units: number(owner, "attribute_units"),
    stacks: number(owner, "stack_table"),
  });
  const outer = layout === "E" ? "ProfileContainer" : "Profile";
  return {
    request: { resources: 1, dictionary: number("ProfilesData", "dictionary") },
    /** Tables of the dictionary, or of each profile where there is none. */
    tables: tables(known.has("ProfilesDictionary") ? "ProfilesDictionary" : "Profile"),
    profile: {
      types: number("Profile", "sample_type"),
      samples: number("Profile", "sample", "samples"),
      locationIndices: number("Profile", "location_indices"),
      /** Signed varint up to D7, fixed64 from D8 on. */
      timeNanos: number("Profile", "time_nanos"),
      timeUnixNano: number("Profile", "time_unix_nano"),
      duration: number("Profile", "duration_nanos", "duration_nano"),
      periodType: number("Profile", "period_type"),
      period: number("Profile", "period"),
      comments: number("Profile", "comment", "comment_strindices"),
      defaultTypeString: number("Profile", "default_sample_type", "default_sample_type_strindex"),
      defaultTypeIndex: number("Profile", "default_sample_type_index"),
      dropFrames: number("Profile", "drop_frames"),
      keepFrames: number("Profile", "keep_frames"),
      attributes: number("Profile", "attribute_indices"),
      /** The following are fields of the container in E. */
      inlineAttributes: number(outer, "attributes"),
      id: number(outer, "profile_id"),
      droppedAttributes: number(outer, "dropped_attributes_count"),
      payloadFormat: number(outer, "original_payload_format"),
      payload: number(outer, "original_payload"),
      start: number("ProfileContainer", "start_time_unix_nano"),
      end: number("ProfileContainer", "end_time_unix_nano"),
      nested: number("ProfileContainer", "profile"),
    },
    valueType: {
      type: number("ValueType", "type", "type_strindex"),
      unit: number("ValueType", "unit", "unit_strindex"),
      temporality: number("ValueType", "aggregation_temporality"),
    },
    sample: {
      stack: number("Sample", "stack_index"),
      start: number("Sample", "locations_start_index"),
      length: number("Sample", "locations_length"),
      stacktrace: number("Sample", "stacktrace_id_index"),
      values: number("Sample", "value", "values"),
      attributes: number("Sample", "attributes", "attribute_indices"),
      link: number("Sample", "link", "link_index"),
      timestamps: number("Sample", "timestamps_unix_nano"),
      fixedTimestamps: schema
        .message("Sample")
        .fields.some(({ protoName, scalar }) => protoName === "timestamps_unix_nano" && scalar === "fixed64"),
    },
    mapping: {
      memoryStart: number("Mapping", "memory_start"),
      memoryLimit: number("Mapping", "memory_limit"),
      fileOffset: number("Mapping", "file_offset"),
      filename: number("Mapping", "filename", "filename_strindex"),
      attributes: number("Mapping", "attributes", "attribute_indices"),
      /** In the order of the bits of `MappingHas`. */
      has: ["has_functions", "has_filenames", "has_line_numbers", "has_inline_frames"].map((name) =>
        number("Mapping", name),
      ),
      buildId: number("Mapping", "build_id"),
      buildIdKind: number("Mapping", "build_id_kind"),
    },
    location: {
      mapping: number("Location", "mapping_index"),
      address: number("Location", "address"),
      lines: number("Location", "line", "lines"),
      folded: number("Location", "is_folded"),
      frameType: number("Location", "type_index"),
      attributes: number("Location", "attributes", "attribute_indices"),
    },
    line: {
      function: number("Line", "function_index"),
      line: number("Line", "line"),
      column: number("Line", "column"),
    },
    function: {
      name: number("Function", "name", "name_strindex"),
      systemName: number("Function", "system_name", "system_name_strindex"),
      filename: number("Function", "filename", "filename_strindex"),
      startLine: number("Function", "start_line"),
    },
    attributeUnit: {
      key: number("AttributeUnit", "attribute_key", "attribute_key_strindex"),
      unit: number("AttributeUnit", "unit", "unit_strindex"),
    },
    /** Layouts whose attribute table has units; the others have `KeyValue`s. */
    keyValueAndUnit: known.has("KeyValueAndUnit"),
  };
}
