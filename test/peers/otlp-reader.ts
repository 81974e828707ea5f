import { create, createFileRegistry, fromBinary, toBinary, type DescMessage, type Message } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** The value of an attribute, references resolved: strings, numbers, booleans, lists, maps; null where unset. */
export type PlainValue =
  string | number | bigint | boolean | null | readonly PlainValue[] | { [key: string]: PlainValue };

/** Attributes of one resource by key. */
export type Attributes = Readonly<Record<string, PlainValue>>;

/** An export request, taken apart by protobuf-es, which knows nothing of podflame's own walking of bytes. */
export interface ReadRequest {
  /** Attributes of each resource, in order. */
  readonly resources: readonly Attributes[];
  /** All bytes but the attributes of the resources, in a form that is equal for equal content. */
  readonly rest: string;
}

type FieldSpec = readonly [name: string, number: number, type: string];

/**
 * The part of OTLP 1.11 that all signals share: field 1 of every export request is the list of resource envelopes, field
 * 1 of those the Resource. The rest stays in unknown fields, as bytes. `dictionary` exists for profiles only.
 */
const MESSAGES: Readonly<Record<string, readonly FieldSpec[]>> = {
  Request: [
    ["envelopes", 1, "Envelope*"],
    ["dictionary", 2, "Dictionary"],
  ],
  Envelope: [["resource", 1, "Resource"]],
  Resource: [["attributes", 1, "KeyValue*"]],
  Dictionary: [["strings", 5, "string*"]],
  KeyValue: [
    ["key", 1, "string"],
    ["value", 2, "AnyValue"],
    ["key_strindex", 3, "int32"],
  ],
  AnyValue: [
    ["string_value", 1, "string?"],
    ["bool_value", 2, "bool?"],
    ["int_value", 3, "int64?"],
    ["double_value", 4, "double?"],
    ["array_value", 5, "ArrayValue"],
    ["kvlist_value", 6, "KeyValueList"],
    ["bytes_value", 7, "bytes?"],
    ["string_value_strindex", 8, "int32?"],
  ],
  ArrayValue: [["values", 1, "AnyValue*"]],
  KeyValueList: [["values", 1, "KeyValue*"]],
};

const SCALARS: Readonly<Record<string, Type>> = {
  string: Type.STRING,
  bool: Type.BOOL,
  int32: Type.INT32,
  int64: Type.INT64,
  double: Type.DOUBLE,
  bytes: Type.BYTES,
};

function fileDescriptor(): FileDescriptorProto {
  const field = ([name, number, spelled]: FieldSpec): object => {
    const type = spelled.replace(/[*?]$/, "");
    return {
      name,
      number,
      label: spelled.endsWith("*") ? Label.REPEATED : Label.OPTIONAL,
      ...(SCALARS[type] === undefined ? { type: Type.MESSAGE, typeName: `.peers.${type}` } : { type: SCALARS[type] }),
      ...(spelled.endsWith("?") && { proto3Optional: true, oneofIndex: number - 1 }),
    };
  };
  return create(FileDescriptorProtoSchema, {
    name: "peers.proto",
    package: "peers",
    syntax: "proto3",
    messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
      name,
      field: fields.map(field),
      // Presence is tracked for the members of AnyValue's oneof; each gets a oneof of its own, as `optional` does.
      oneofDecl: name === "AnyValue" ? fields.map(([member]) => ({ name: `_${member}` })) : [],
    })),
  });
}

const REQUEST = createFileRegistry(fileDescriptor(), () => undefined).getMessage("peers.Request") as DescMessage;

interface Request extends Message {
  envelopes: { resource?: { attributes: KeyValue[] } }[];
  dictionary?: { strings: string[] };
}
interface KeyValue {
  key: string;
  keyStrindex: number;
  value?: AnyValue;
}
interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: bigint;
  doubleValue?: number;
  arrayValue?: { values: AnyValue[] };
  kvlistValue?: { values: KeyValue[] };
  bytesValue?: Uint8Array;
  stringValueStrindex?: number;
}

/** Takes a request of any signal apart. Throws on bytes that are not protobuf. */
export function readRequest(bytes: Uint8Array): ReadRequest {
  const request = fromBinary(REQUEST, bytes) as Request;
  const strings = request.dictionary?.strings ?? [];
  const resources = request.envelopes.map(({ resource }) => plainMap(resource?.attributes ?? [], strings));
  for (const { resource } of request.envelopes) if (resource !== undefined) resource.attributes = [];
  return { resources, rest: Buffer.from(toBinary(REQUEST, request)).toString("latin1") };
}

/** The same request with its known fields in ascending order at every level that holds a Resource. */
export function ascending(bytes: Uint8Array): Uint8Array {
  return toBinary(REQUEST, fromBinary(REQUEST, bytes));
}

/** The first of equal keys counts, as everywhere in OTLP. */
function plainMap(pairs: readonly KeyValue[], strings: readonly string[]): Record<string, PlainValue> {
  const map: Record<string, PlainValue> = {};
  for (const pair of pairs) {
    const key = pair.key === "" ? (strings[pair.keyStrindex] ?? "") : pair.key;
    if (!(key in map)) map[key] = plain(pair.value, strings);
  }
  return map;
}

function plain(value: AnyValue | undefined, strings: readonly string[]): PlainValue {
  if (value === undefined) return null;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.stringValueStrindex !== undefined) return strings[value.stringValueStrindex] ?? null;
  if (value.arrayValue !== undefined) return value.arrayValue.values.map((item) => plain(item, strings));
  if (value.kvlistValue !== undefined) return plainMap(value.kvlistValue.values, strings);
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue).toString("base64");
  return value.boolValue ?? value.intValue ?? value.doubleValue ?? null;
}
