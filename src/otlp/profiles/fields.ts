import { WireType } from "#wire";
import { profilesSchema } from "../schema/profiles-layouts.ts";
import { wireTypeOf, type MessageSchema } from "../schema/schema.ts";
import type { Layout } from "./layout.ts";

/**
 * What the fields of each message mean, whatever their numbers: one reader serves all layouts by asking for the role
 * of a field number. Names are those of the .proto files of all releases.
 */

export const TableField = {
  MAPPINGS: 1,
  LOCATIONS: 2,
  FUNCTIONS: 3,
  LINKS: 4,
  STRINGS: 5,
  ATTRIBUTES: 6,
  ATTRIBUTE_UNITS: 7,
  STACKS: 8,
} as const;

const TABLES: RoleNames = {
  mapping: TableField.MAPPINGS,
  mapping_table: TableField.MAPPINGS,
  location: TableField.LOCATIONS,
  location_table: TableField.LOCATIONS,
  function: TableField.FUNCTIONS,
  function_table: TableField.FUNCTIONS,
  link_table: TableField.LINKS,
  string_table: TableField.STRINGS,
  attribute_table: TableField.ATTRIBUTES,
  attribute_units: TableField.ATTRIBUTE_UNITS,
  stack_table: TableField.STACKS,
};

export const RequestField = { RESOURCES: 16, DICTIONARY: 17 } as const;

/** D6 has its tables here. */
const REQUEST: RoleNames = {
  ...TABLES,
  resource_profiles: RequestField.RESOURCES,
  dictionary: RequestField.DICTIONARY,
};

/** Profile, and the container around it in E. E, D4 and D5 have tables here as well (`TableField`). */
export const ProfileField = {
  SAMPLE_TYPE: 16,
  SAMPLES: 17,
  LOCATION_INDICES: 18,
  TIME: 19,
  DURATION: 20,
  PERIOD_TYPE: 21,
  PERIOD: 22,
  COMMENTS: 23,
  DEFAULT_TYPE_STRING: 24,
  DEFAULT_TYPE_INDEX: 25,
  PROFILE_ID: 26,
  INLINE_ATTRIBUTES: 27,
  ATTRIBUTES: 28,
  DROPPED_ATTRIBUTES: 29,
  PAYLOAD_FORMAT: 30,
  PAYLOAD: 31,
  DROP_FRAMES: 32,
  KEEP_FRAMES: 33,
  WINDOW_START: 34,
  WINDOW_END: 35,
  NESTED: 36,
} as const;

const CONTAINER: RoleNames = {
  profile_id: ProfileField.PROFILE_ID,
  start_time_unix_nano: ProfileField.WINDOW_START,
  end_time_unix_nano: ProfileField.WINDOW_END,
  attributes: ProfileField.INLINE_ATTRIBUTES,
  dropped_attributes_count: ProfileField.DROPPED_ATTRIBUTES,
  original_payload_format: ProfileField.PAYLOAD_FORMAT,
  original_payload: ProfileField.PAYLOAD,
  profile: ProfileField.NESTED,
};

const PROFILE: RoleNames = {
  ...TABLES,
  ...CONTAINER,
  sample_type: ProfileField.SAMPLE_TYPE,
  sample: ProfileField.SAMPLES,
  samples: ProfileField.SAMPLES,
  location_indices: ProfileField.LOCATION_INDICES,
  time_nanos: ProfileField.TIME,
  time_unix_nano: ProfileField.TIME,
  duration_nanos: ProfileField.DURATION,
  duration_nano: ProfileField.DURATION,
  period_type: ProfileField.PERIOD_TYPE,
  period: ProfileField.PERIOD,
  comment: ProfileField.COMMENTS,
  comment_strindices: ProfileField.COMMENTS,
  default_sample_type: ProfileField.DEFAULT_TYPE_STRING,
  default_sample_type_strindex: ProfileField.DEFAULT_TYPE_STRING,
  default_sample_type_index: ProfileField.DEFAULT_TYPE_INDEX,
  attribute_indices: ProfileField.ATTRIBUTES,
  drop_frames: ProfileField.DROP_FRAMES,
  keep_frames: ProfileField.KEEP_FRAMES,
};

export const SampleField = {
  STACK: 1,
  START: 2,
  LENGTH: 3,
  LOCATIONS: 4,
  VALUES: 5,
  ATTRIBUTES: 6,
  LINK: 7,
  TIMESTAMPS: 8,
  LABELS: 9,
  STACKTRACE: 10,
} as const;

const SAMPLE: RoleNames = {
  stack_index: SampleField.STACK,
  locations_start_index: SampleField.START,
  locations_length: SampleField.LENGTH,
  location_index: SampleField.LOCATIONS,
  value: SampleField.VALUES,
  values: SampleField.VALUES,
  attributes: SampleField.ATTRIBUTES,
  attribute_indices: SampleField.ATTRIBUTES,
  link: SampleField.LINK,
  link_index: SampleField.LINK,
  timestamps_unix_nano: SampleField.TIMESTAMPS,
  label: SampleField.LABELS,
  stacktrace_id_index: SampleField.STACKTRACE,
};

/** Fields of table entries; IGNORED ones are known but say nothing that their position does not. */
export const EntryField = {
  IGNORED: 1,
  MEMORY_START: 2,
  MEMORY_LIMIT: 3,
  FILE_OFFSET: 4,
  FILENAME: 5,
  ATTRIBUTES: 6,
  HAS_FUNCTIONS: 7,
  HAS_FILENAMES: 8,
  HAS_LINE_NUMBERS: 9,
  HAS_INLINE_FRAMES: 10,
  BUILD_ID: 11,
  BUILD_ID_KIND: 12,
  MAPPING: 13,
  ADDRESS: 14,
  LINES: 15,
  FOLDED: 16,
  FRAME_TYPE: 17,
  FUNCTION: 18,
  LINE: 19,
  COLUMN: 20,
  NAME: 21,
  SYSTEM_NAME: 22,
  START_LINE: 23,
  TRACE_ID: 24,
  SPAN_ID: 25,
  LITERAL_KEY: 26,
  KEY: 27,
  VALUE: 28,
  UNIT: 29,
  LOCATIONS: 30,
  TYPE: 31,
  TEMPORALITY: 32,
  STRING: 33,
  NUMBER: 34,
} as const;

const ENTRIES: Readonly<Record<string, RoleNames>> = {
  Mapping: {
    id: EntryField.IGNORED,
    memory_start: EntryField.MEMORY_START,
    memory_limit: EntryField.MEMORY_LIMIT,
    file_offset: EntryField.FILE_OFFSET,
    filename: EntryField.FILENAME,
    filename_strindex: EntryField.FILENAME,
    attributes: EntryField.ATTRIBUTES,
    attribute_indices: EntryField.ATTRIBUTES,
    has_functions: EntryField.HAS_FUNCTIONS,
    has_filenames: EntryField.HAS_FILENAMES,
    has_line_numbers: EntryField.HAS_LINE_NUMBERS,
    has_inline_frames: EntryField.HAS_INLINE_FRAMES,
    build_id: EntryField.BUILD_ID,
    build_id_kind: EntryField.BUILD_ID_KIND,
  },
  Location: {
    id: EntryField.IGNORED,
    mapping_index: EntryField.MAPPING,
    address: EntryField.ADDRESS,
    line: EntryField.LINES,
    lines: EntryField.LINES,
    is_folded: EntryField.FOLDED,
    type_index: EntryField.FRAME_TYPE,
    attributes: EntryField.ATTRIBUTES,
    attribute_indices: EntryField.ATTRIBUTES,
  },
  Line: { function_index: EntryField.FUNCTION, line: EntryField.LINE, column: EntryField.COLUMN },
  Function: {
    id: EntryField.IGNORED,
    name: EntryField.NAME,
    name_strindex: EntryField.NAME,
    system_name: EntryField.SYSTEM_NAME,
    system_name_strindex: EntryField.SYSTEM_NAME,
    filename: EntryField.FILENAME,
    filename_strindex: EntryField.FILENAME,
    start_line: EntryField.START_LINE,
  },
  Link: { trace_id: EntryField.TRACE_ID, span_id: EntryField.SPAN_ID },
  KeyValue: { key: EntryField.LITERAL_KEY, value: EntryField.VALUE },
  KeyValueAndUnit: { key_strindex: EntryField.KEY, value: EntryField.VALUE, unit_strindex: EntryField.UNIT },
  AttributeUnit: {
    attribute_key: EntryField.KEY,
    attribute_key_strindex: EntryField.KEY,
    unit: EntryField.UNIT,
    unit_strindex: EntryField.UNIT,
  },
  Stack: { location_indices: EntryField.LOCATIONS },
  ValueType: {
    type: EntryField.TYPE,
    type_strindex: EntryField.TYPE,
    unit: EntryField.UNIT,
    unit_strindex: EntryField.UNIT,
    aggregation_temporality: EntryField.TEMPORALITY,
  },
  Label: { key: EntryField.KEY, str: EntryField.STRING, num: EntryField.NUMBER, num_unit: EntryField.UNIT },
};

type RoleNames = Readonly<Record<string, number>>;

/** Field numbers of a message from 1 to 31; no profiles message has larger ones. */
const FIELDS = 32;

/** What the field numbers of one message mean. Index: the field number, below 32. */
export interface FieldRoles {
  /** The role; 0 for numbers that the layout does not know. */
  readonly roles: Uint8Array;
  /** Bit w is set where wire type w is a way to write the field. */
  readonly accepts: Uint8Array;
}

/** All messages of one layout. */
export interface LayoutFields {
  readonly request: FieldRoles;
  readonly dictionary: FieldRoles;
  readonly container: FieldRoles;
  readonly profile: FieldRoles;
  readonly sample: FieldRoles;
  readonly mapping: FieldRoles;
  readonly location: FieldRoles;
  readonly line: FieldRoles;
  readonly function: FieldRoles;
  readonly link: FieldRoles;
  readonly attribute: FieldRoles;
  readonly attributeUnit: FieldRoles;
  readonly keyValue: FieldRoles;
  readonly stack: FieldRoles;
  readonly valueType: FieldRoles;
  readonly label: FieldRoles;
}

const cache = new Map<Layout, LayoutFields>();

/** The role of a field number; 0 where it has none or the wire type cannot be. */
export function roleOf({ roles, accepts }: FieldRoles, field: number, wireType: WireType): number {
  if (field >= FIELDS || ((accepts[field]! >> wireType) & 1) === 0) return 0;
  return roles[field]!;
}

/** Whether the layout knows a field of that number. */
export function isKnown({ roles }: FieldRoles, field: number): boolean {
  return field < FIELDS && roles[field] !== 0;
}

export function layoutFields(layout: Layout): LayoutFields {
  let fields = cache.get(layout);
  if (!fields) cache.set(layout, (fields = build(layout)));
  return fields;
}

function build(layout: Layout): LayoutFields {
  const registry = profilesSchema(layout);
  const names = new Set(registry.names);
  const rolesOf = (message: string, roles: RoleNames): FieldRoles =>
    names.has(message) ? fieldRoles(registry.message(message), roles) : NO_FIELDS;
  const entry = (message: string): FieldRoles => rolesOf(message, ENTRIES[message]!);
  const keyValue = entry("KeyValue");
  return {
    request: rolesOf("ProfilesData", REQUEST),
    dictionary: rolesOf("ProfilesDictionary", TABLES),
    container: rolesOf("ProfileContainer", CONTAINER),
    profile: rolesOf("Profile", PROFILE),
    sample: rolesOf("Sample", SAMPLE),
    mapping: entry("Mapping"),
    location: entry("Location"),
    line: entry("Line"),
    function: entry("Function"),
    link: entry("Link"),
    attribute: names.has("KeyValueAndUnit") ? entry("KeyValueAndUnit") : keyValue,
    attributeUnit: entry("AttributeUnit"),
    keyValue,
    stack: entry("Stack"),
    valueType: entry("ValueType"),
    label: entry("Label"),
  };
}

function fieldRoles(message: MessageSchema, names: RoleNames): FieldRoles {
  const roles = new Uint8Array(FIELDS);
  const accepts = new Uint8Array(FIELDS);
  for (const field of message.fields) {
    const role = names[field.protoName];
    // common.proto's fields that the layout's own release lacks (references) have no role.
    if (role === undefined) continue;
    const wireType = wireTypeOf(field);
    roles[field.number] = role;
    accepts[field.number] = (1 << wireType) | (field.repeated ? 1 << WireType.LEN : 0);
  }
  return { roles, accepts };
}

const NO_FIELDS: FieldRoles = { roles: new Uint8Array(FIELDS), accepts: new Uint8Array(FIELDS) };
