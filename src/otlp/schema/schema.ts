import { WireType } from "#wire";

/**
 * Scalar types as in .proto files, and three that are bytes with a JSON form of their own: `traceId` and `spanId` are
 * hexadecimal in OTLP/JSON, `profileId` too as collectors write it.
 */
export type ScalarType =
  | "string"
  | "bytes"
  | "traceId"
  | "spanId"
  | "profileId"
  | "bool"
  | "double"
  | "int32"
  | "uint32"
  | "sint32"
  | "fixed32"
  | "int64"
  | "uint64"
  | "fixed64"
  | "sfixed64";

/** One field of a message. */
export interface FieldSchema {
  readonly number: number;
  /** lowerCamelCase, as OTLP/JSON spells it. */
  readonly jsonName: string;
  /** snake_case, as the .proto file spells it. */
  readonly protoName: string;
  readonly repeated: boolean;
  /** Written and shown even when zero: members of a oneof, and fields marked `optional`. */
  readonly explicit: boolean;
  /** Member of the message's oneof (no message of OTLP has more than one): setting one unsets the others. */
  readonly oneof: boolean;
  /** Exactly one of the three is set. */
  readonly scalar: ScalarType | undefined;
  readonly enumeration: EnumSchema | undefined;
  readonly message: (() => MessageSchema) | undefined;
}

/** Values of an enumeration by name. */
export type EnumSchema = Readonly<Record<string, number>>;

/** A message: its fields in the order of the table, which is how JSON shows them. */
export interface MessageSchema {
  readonly name: string;
  readonly fields: readonly FieldSchema[];
  /** Position in `fields` by field number. */
  readonly byNumber: ReadonlyMap<number, number>;
}

/**
 * Tables as text: for each message its fields, one a line, `number name type`, where the type is a scalar, an
 * enumeration or a message, followed by `*` if repeated, `?` if presence counts, `|` if it belongs to the message's
 * oneof. Names are those of the .proto file.
 */
export type SchemaText = Readonly<Record<string, string>>;

const SCALARS: ReadonlySet<string> = new Set<ScalarType>([
  "string",
  "bytes",
  "traceId",
  "spanId",
  "profileId",
  "bool",
  "double",
  "int32",
  "uint32",
  "sint32",
  "fixed32",
  "int64",
  "uint64",
  "fixed64",
  "sfixed64",
]);

/** Messages by name, each read from its text when it is first asked for. */
export class SchemaRegistry {
  readonly #texts: SchemaText;
  readonly #enums: Readonly<Record<string, EnumSchema>>;
  readonly #messages = new Map<string, MessageSchema>();

  constructor(texts: readonly SchemaText[], enums: Readonly<Record<string, EnumSchema>>) {
    this.#texts = Object.assign({}, ...texts) as SchemaText;
    this.#enums = enums;
  }

  /** Names of all messages. */
  get names(): readonly string[] {
    return Object.keys(this.#texts);
  }

  /** The message of that name; throws for an unknown one, which is a bug in a table. */
  message(name: string): MessageSchema {
    let message = this.#messages.get(name);
    if (message) return message;
    const text = this.#texts[name];
    if (text === undefined) throw new TypeError(`no schema of message ${name}`);
    const lines = text.split("\n").map((line) => line.trim());
    const fields = lines.filter((line) => line !== "").map((line) => this.#field(line));
    message = { name, fields, byNumber: new Map(fields.map((field, index) => [field.number, index])) };
    this.#messages.set(name, message);
    return message;
  }

  #field(line: string): FieldSchema {
    const match = /^(\d+) (\w+) (\w+)([*?|]?)$/.exec(line);
    if (!match) throw new TypeError(`not a field of a schema: ${line}`);
    const [, number, protoName, type, mark] = match as unknown as [string, string, string, string, string];
    const enumeration = this.#enums[type];
    const scalar = SCALARS.has(type) ? (type as ScalarType) : undefined;
    return {
      number: Number(number),
      protoName,
      jsonName: protoName.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase()),
      repeated: mark === "*",
      explicit: mark === "?" || mark === "|",
      oneof: mark === "|",
      scalar,
      enumeration,
      message: scalar || enumeration ? undefined : () => this.message(type),
    };
  }
}

/** The wire type of a single value. */
export function wireTypeOf(field: FieldSchema): WireType {
  switch (field.scalar) {
    case "double":
    case "fixed64":
    case "sfixed64":
      return WireType.FIXED64;
    case "fixed32":
      return WireType.FIXED32;
    case "string":
    case "bytes":
    case "traceId":
    case "spanId":
    case "profileId":
      return WireType.LEN;
    case undefined:
      return field.message ? WireType.LEN : WireType.VARINT;
    case "bool":
    case "int32":
    case "uint32":
    case "sint32":
    case "int64":
    case "uint64":
      return WireType.VARINT;
  }
}
