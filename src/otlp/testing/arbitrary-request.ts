import fc from "fast-check";
import { WireType, writeVarint, writeVarint64 } from "#wire";
import type { Signal } from "../signal.ts";

/**
 * Requests as bytes that a legal, if odd, encoder may write: fields in any order, singular messages in several pieces
 * or missing, unknown fields of every wire type, padded varints, attributes as literals and as references. The keys
 * and values are few, so that what an edit looks for is there, twice, or in the wrong kind.
 */

/** Keys of attributes in the requests. */
export const KEYS = ["container.id", "process.pid", "k8s.pod.name", "other", "other.2", ""] as const;
const TEXTS = ["", "a", "3469834df5c1", "x".repeat(130), "größer"] as const;
/** The string table of every request: what references stand for. */
export const STRINGS: readonly string[] = ["", ...KEYS, ...TEXTS];

type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

function join(pieces: readonly Uint8Array[]): Bytes {
  return new Uint8Array(Buffer.concat(pieces));
}

/** A varint with `padding` superfluous bytes. */
function varint(value: bigint | number, padding: number): Bytes {
  const bytes = new Uint8Array(10);
  let end = typeof value === "bigint" ? writeVarint64(bytes, 0, value) : writeVarint(bytes, 0, value);
  for (let left = padding; left > 0 && end < 10; left--) {
    bytes[end - 1]! |= 0x80;
    bytes[end++] = 0;
  }
  return bytes.slice(0, end);
}

/** Mostly none: padding is rare in real requests, but a few writers fill lengths in afterwards. */
const padding = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
);

function len(field: number, content: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Bytes> {
  return fc
    .tuple(content, padding)
    .map(([bytes, pad]) => join([varint(field * 8 + WireType.LEN, 0), varint(bytes.length, pad), bytes]));
}

function number(field: number, value: fc.Arbitrary<bigint>): fc.Arbitrary<Bytes> {
  return fc.tuple(value, padding).map(([int, pad]) => join([varint(field * 8, 0), varint(int, pad)]));
}

function fixed64(field: number): fc.Arbitrary<Bytes> {
  return fc
    .uint8Array({ minLength: 8, maxLength: 8 })
    .map((bytes) => join([varint(field * 8 + WireType.FIXED64, 0), bytes]));
}

const text = (field: number, of: readonly string[]): fc.Arbitrary<Bytes> =>
  len(
    field,
    fc.constantFrom(...of).map((one) => encoder.encode(one)),
  );

const reference = (field: number): fc.Arbitrary<Bytes> => number(field, fc.nat(STRINGS.length + 1).map(BigInt));

/** Fields that no message of OTLP has. */
const unknown: fc.Arbitrary<Bytes> = fc.oneof(
  number(1000, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  len(500, fc.uint8Array({ maxLength: 5 })),
  fixed64(99),
  fc.constant(Uint8Array.of(0xa5, 0x06, 1, 2, 3, 4)),
  // Field 100 as a group that holds a varint.
  fc.constant(Uint8Array.of(0xa3, 0x06, 0x08, 0x01, 0xa4, 0x06)),
);

/** A message of the given fields, now and then an unknown one, in any order. */
function message(...fields: readonly fc.Arbitrary<readonly Uint8Array[]>[]): fc.Arbitrary<Bytes> {
  const odd = fc.oneof(
    { weight: 6, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(unknown, { maxLength: 2 }) },
  );
  return fc
    .tuple(...fields, odd)
    .map((groups) => groups.flat())
    .chain((pieces) => fc.shuffledSubarray(pieces, { minLength: pieces.length }))
    .map(join);
}

const between = (min: number, max: number, field: fc.Arbitrary<Uint8Array>): fc.Arbitrary<readonly Uint8Array[]> =>
  fc.array(field, { minLength: min, maxLength: max });

function anyValue(depth: number): fc.Arbitrary<Bytes> {
  const simple = [
    text(1, TEXTS),
    number(2, fc.constantFrom(0n, 1n)),
    number(3, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    fixed64(4),
    len(7, fc.uint8Array({ maxLength: 3 })),
    reference(8),
  ];
  const nested =
    depth === 0
      ? []
      : [
          len(5, message(between(0, 2, len(1, anyValue(depth - 1))))),
          len(6, message(between(0, 2, len(1, keyValue(depth - 1))))),
        ];
  // Twice now and then: the last one counts.
  return message(
    fc.oneof(
      { weight: 8, arbitrary: between(1, 1, fc.oneof(...simple, ...nested)) },
      { weight: 1, arbitrary: between(0, 2, fc.oneof(...simple)) },
    ),
  );
}

function keyValue(depth: number): fc.Arbitrary<Bytes> {
  const key = fc.oneof(
    { weight: 4, arbitrary: text(1, KEYS).map((one) => [one]) },
    { weight: 3, arbitrary: reference(3).map((one) => [one]) },
    { weight: 1, arbitrary: fc.tuple(text(1, KEYS), reference(3)) },
    { weight: 1, arbitrary: fc.constant([]) },
  );
  return message(key, between(0, 1, len(2, anyValue(depth))));
}

const resource = message(
  between(0, 5, len(1, keyValue(1))),
  between(0, 1, number(2, fc.nat(5).map(BigInt))),
  between(0, 1, len(3, message(between(0, 2, text(3, KEYS))))),
);

const scope = message(between(0, 1, text(1, ["lib"])), between(0, 1, len(3, keyValue(0))));

/** Records with some of their items: spans and log records are items, points and samples are inside. */
const RECORDS: Readonly<Record<Signal, fc.Arbitrary<Bytes>>> = {
  traces: message(between(0, 1, text(5, ["span"])), between(0, 2, len(9, keyValue(0)))),
  logs: message(between(0, 1, text(3, ["INFO"])), between(0, 1, len(5, anyValue(1)))),
  metrics: message(
    between(0, 1, text(1, ["metric"])),
    between(
      0,
      1,
      fc
        .constantFrom(5, 7, 9, 10, 11)
        .chain((data) => len(data, message(between(0, 3, len(1, message(between(0, 1, fixed64(3)))))))),
    ),
  ),
  profiles: message(
    between(
      0,
      3,
      len(
        2,
        message(between(0, 1, number(1, fc.constant(1n))), between(0, 1, len(5, fc.constant(new Uint8Array(16))))),
      ),
    ),
    between(0, 1, fixed64(3)),
    between(0, 1, len(7, fc.constant(new Uint8Array(16)))),
  ),
};

const dictionary: fc.Arbitrary<readonly Uint8Array[]> = fc
  .tuple(fc.nat(STRINGS.length), fc.boolean())
  .chain(([cut, mappings]) => {
    const strings = STRINGS.map((one) => {
      const bytes = encoder.encode(one);
      return join([varint(5 * 8 + WireType.LEN, 0), varint(bytes.length, 0), bytes]);
    });
    const piece = (of: readonly Uint8Array[]): fc.Arbitrary<Bytes> =>
      len(2, fc.constant(join([...(mappings ? [Uint8Array.of(0x0a, 0)] : []), ...of])));
    return fc.tuple(piece(strings.slice(0, cut)), piece(strings.slice(cut)));
  });

/** A request of the signal; see the top of the file. */
export function arbitraryRequest(signal: Signal): fc.Arbitrary<Bytes> {
  const inScope = message(
    between(0, 1, len(1, scope)),
    between(0, 2, len(2, RECORDS[signal])),
    between(0, 1, text(3, ["https://opentelemetry.io/schemas/1.37.0"])),
  );
  const inResource = message(
    fc.oneof(
      { weight: 6, arbitrary: between(1, 1, len(1, resource)) },
      { weight: 1, arbitrary: between(0, 2, len(1, resource)) },
    ),
    between(0, 2, len(2, inScope)),
    between(0, 1, text(3, ["https://opentelemetry.io/schemas/1.37.0"])),
  );
  const resources = between(0, 4, len(1, inResource));
  if (signal !== "profiles") return message(resources);
  // The two pieces of the dictionary keep their order, wherever they come to stand among the resources.
  return fc.tuple(dictionary, resources, fc.nat(5), fc.nat(5)).map(([[first, second], others, before, between_]) => {
    const pieces = [...others];
    pieces.splice(before, 0, first!);
    pieces.splice(pieces.indexOf(first!) + 1 + between_, 0, second!);
    return join(pieces);
  });
}
