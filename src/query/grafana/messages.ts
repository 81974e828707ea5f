import { Reader, WireType, Writer } from "#wire";

/** A value that stands in a field: how it is read and written in protobuf and in JSON. */
export interface Element<T> {
  readonly number: number;
  /** What the reader stands on; undefined for a wire type that it can't have. */
  readonly read: (reader: Reader) => T | undefined;
  readonly write: (writer: Writer, value: T) => void;
  /** Undefined for what it can't be. */
  readonly fromJson: (json: unknown) => T | undefined;
  readonly toJson: (value: T) => unknown;
}

/** One field of a message. */
export interface Field<T> extends Omit<Element<T>, "read"> {
  /** What stands for its absence, which is not written. */
  readonly absent: T;
  readonly isAbsent: (value: T) => boolean;
  /** The value with what the reader stands on added, for lists. */
  readonly read: (reader: Reader, before: T) => T | undefined;
}

/** A message with fields by their names in JSON. */
export interface Message<T> {
  readonly decode: (bytes: Uint8Array) => T | undefined;
  readonly encode: (value: T) => Uint8Array;
  readonly fromJson: (json: unknown) => T | undefined;
  readonly toJson: (value: T) => Record<string, unknown>;
}

type Fields<T> = { readonly [K in keyof T]: Field<T[K]> };

/** Entries of a list in a request. */
const MAX_LIST = 10_000;

/** Reads and writes messages of Connect services, which speak protobuf and its JSON. Unknown fields are passed over. */
export function message<T extends object>(fields: Fields<T>): Message<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  const byNumber = new Map(names.map((name) => [fields[name].number, name]));
  const empty = (): T => Object.fromEntries(names.map((name) => [name, fields[name].absent])) as T;
  const readField = <K extends keyof T & string>(value: T, name: K, reader: Reader): boolean => {
    const read = fields[name].read(reader, value[name]);
    if (read !== undefined) value[name] = read;
    return read !== undefined;
  };
  const writeField = <K extends keyof T & string>(writer: Writer, name: K, value: T): void => {
    if (!fields[name].isAbsent(value[name])) fields[name].write(writer, value[name]);
  };
  return {
    decode: (bytes) => {
      const value = empty();
      const reader = new Reader();
      reader.reset(bytes, 0, bytes.length);
      while (reader.next()) {
        const name = byNumber.get(reader.field);
        if (name !== undefined && !readField(value, name, reader)) return undefined;
      }
      return reader.failed ? undefined : value;
    },
    encode: (value) => {
      const writer = new Writer();
      for (const name of names) writeField(writer, name, value);
      return writer.finish();
    },
    fromJson: (json) => {
      if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
      const value = empty();
      for (const name of names) {
        const own = (json as Record<string, unknown>)[name] ?? (json as Record<string, unknown>)[snakeCase(name)];
        if (own === undefined || own === null) continue;
        const read = fields[name].fromJson(own);
        if (read === undefined) return undefined;
        value[name] = read;
      }
      return value;
    },
    toJson: (value) =>
      Object.fromEntries(
        names
          .filter((name) => !fields[name].isAbsent(value[name]))
          .map((name) => [name, fields[name].toJson(value[name])]),
      ),
  };
}

/** `labelSelector` → `label_selector`, `profileTypeID` → `profile_typeID`; JSON has either. */
function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z])[A-Z](?=[a-z])/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A field that is there once, or not at all. */
function once<T>(element: Element<T>, absent: T, isAbsent: (value: T) => boolean): Field<T> {
  return { ...element, absent, isAbsent };
}

const text = (number: number): Element<string> => ({
  number,
  read: (reader) => (reader.wireType === WireType.LEN ? reader.string() : undefined),
  write: (writer, value) => writer.string(number, value),
  fromJson: (json) => (typeof json === "string" ? json : undefined),
  toJson: (value) => value,
});

export function string(number: number): Field<string> {
  return once(text(number), "", (value) => value === "");
}

/** @param most see `messages` */
export function strings(number: number, most: number = MAX_LIST): Field<readonly string[]> {
  return list(text(number), most);
}

/** Bytes; base64 in JSON. */
export function bytes(number: number): Field<Uint8Array> {
  const element: Element<Uint8Array> = {
    number,
    read: (reader) => (reader.wireType === WireType.LEN ? reader.bytes.slice(reader.start, reader.end) : undefined),
    write: (writer, value) => writer.bytes(number, value),
    fromJson: (json) => (typeof json === "string" ? Buffer.from(json, "base64") : undefined),
    toJson: (value) => Buffer.from(value).toString("base64"),
  };
  return once(element, new Uint8Array(0), (value) => value.length === 0);
}

/** int64 within what a double holds; text in JSON. */
export function int64(number: number): Field<number> {
  const element: Element<number> = {
    number,
    read: (reader) => (reader.wireType === WireType.VARINT ? Number(reader.int64()) : undefined),
    write: (writer, value) => writer.varint64(number, BigInt(Math.round(value))),
    fromJson: (json) => {
      const value = typeof json === "string" ? Number(json) : json;
      return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
    },
    toJson: (value) => String(Math.round(value)),
  };
  return once(element, 0, (value) => value === 0);
}

export function double(number: number): Field<number> {
  const element: Element<number> = {
    number,
    read: (reader) => (reader.wireType === WireType.FIXED64 ? reader.double() : undefined),
    write: (writer, value) => writer.double(number, value),
    fromJson: (json) => (typeof json === "number" ? json : undefined),
    toJson: (value) => value,
  };
  return once(element, 0, (value) => value === 0);
}

/** Only written where it is true. */
export function bool(number: number): Field<boolean> {
  const element: Element<boolean> = {
    number,
    read: (reader) => (reader.wireType === WireType.VARINT ? reader.int64() !== 0n : undefined),
    write: (writer, value) => writer.varint64(number, value ? 1n : 0n),
    fromJson: (json) => (typeof json === "boolean" ? json : undefined),
    toJson: (value) => value,
  };
  return once(element, false, (value) => !value);
}

/**
 * One of several names, which count from 0 and of which the first stands for absence, and for what only newer clients
 * know. JSON has the name or the number.
 */
export function enumeration<T extends string>(number: number, names: readonly [T, ...T[]]): Field<T> {
  const element: Element<T> = {
    number,
    read: (reader) => (reader.wireType === WireType.VARINT ? (names[Number(reader.int64())] ?? names[0]) : undefined),
    write: (writer, value) => writer.varint64(number, BigInt(names.indexOf(value))),
    fromJson: (json) => (typeof json === "number" ? names[json] : names.find((name) => name === json)) ?? names[0],
    toJson: (value) => value,
  };
  return once(element, names[0], (value) => value === names[0]);
}

/** int64s, packed when they are written. */
export function int64s(number: number): Field<readonly number[]> {
  return packed({ ...rawInt64(number), toJson: (value) => String(Math.round(value)) }, varints);
}

/** int32s, packed when they are written; numbers in JSON. */
export function int32s(number: number): Field<readonly number[]> {
  return packed(rawInt64(number), varints);
}

/** Doubles of an answer, packed. */
export function doubles(number: number): Field<readonly number[]> {
  const { read, fromJson, toJson } = double(number);
  const one: Element<number> = {
    number,
    read: (reader) => read(reader, 0),
    write: (writer, value) => writer.rawDouble(value),
    fromJson,
    toJson,
  };
  return packed(one, ({ bytes: from, start, end }) => {
    if ((end - start) % 8 !== 0) return undefined;
    const view = new DataView(from.buffer, from.byteOffset);
    return Array.from({ length: (end - start) / 8 }, (_, at) => view.getFloat64(start + at * 8, true));
  });
}

/** One message. */
export function nested<T extends object>(number: number, inner: Message<T>): Field<T | undefined> {
  const { read, write, fromJson, toJson } = embedded(number, inner);
  return {
    number,
    absent: undefined,
    isAbsent: (value) => value === undefined,
    read,
    write: (writer, value) => {
      if (value !== undefined) write(writer, value);
    },
    fromJson,
    toJson: (value) => (value === undefined ? undefined : toJson(value)),
  };
}

/** Any number of messages. @param most more than that can't be read; of requests only so many are believed */
export function messages<T extends object>(
  number: number,
  inner: Message<T>,
  most: number = MAX_LIST,
): Field<readonly T[]> {
  return list(embedded(number, inner), most);
}

function embedded<T extends object>(number: number, inner: Message<T>): Element<T> {
  return {
    number,
    read: ({ wireType, bytes: from, start, end }) =>
      wireType === WireType.LEN ? inner.decode(from.subarray(start, end)) : undefined,
    write: (writer, value) => writer.bytes(number, inner.encode(value)),
    fromJson: (json) => inner.fromJson(json),
    toJson: (value) => inner.toJson(value),
  };
}

function varints(reader: Reader): readonly number[] | undefined {
  const values: number[] = [];
  for (let at = reader.start; at < reader.end;) {
    at = reader.packedVarint(at);
    if (at < 0) return undefined;
    values.push(Number(reader.int64()));
  }
  return values;
}

/** A whole number without its tag, as it stands in a packed list. */
function rawInt64(number: number): Element<number> {
  return {
    number,
    read: (reader) => (reader.wireType === WireType.VARINT ? Number(reader.int64()) : undefined),
    write: (writer, value) => writer.rawVarint64(BigInt(Math.round(value))),
    fromJson: (json) => (typeof json === "string" || typeof json === "number" ? Number(json) : undefined),
    toJson: (value) => Math.round(value),
  };
}

/** A list that is written in one field, and read as that or as a field each. */
function packed(
  element: Element<number>,
  readAll: (reader: Reader) => readonly number[] | undefined,
): Field<readonly number[]> {
  const one = list(element);
  const { number, write } = element;
  return {
    ...one,
    read: (reader, before) => {
      if (reader.wireType !== WireType.LEN) return one.read(reader, before);
      const values = readAll(reader);
      return values === undefined ? undefined : [...before, ...values];
    },
    write: (writer, values) => {
      writer.open(number);
      for (const value of values) write(writer, value);
      writer.close();
    },
  };
}

function list<T>({ number, read, write, fromJson, toJson }: Element<T>, most: number = MAX_LIST): Field<readonly T[]> {
  return {
    number,
    absent: [],
    isAbsent: (values) => values.length === 0,
    read: (reader, before) => {
      const next = read(reader);
      if (next === undefined || before.length >= most) return undefined;
      // The list is ours as soon as there is something in it.
      const values = before.length === 0 ? [] : (before as T[]);
      values.push(next);
      return values;
    },
    write: (writer, values) => {
      for (const value of values) write(writer, value);
    },
    fromJson: (json) => {
      if (!Array.isArray(json) || json.length > most) return undefined;
      const values: T[] = [];
      for (const each of json as unknown[]) {
        const value = fromJson(each);
        if (value === undefined) return undefined;
        values.push(value);
      }
      return values;
    },
    toJson: (values) => values.map((value) => toJson(value)),
  };
}
