import { Reader, WireType } from "#wire";

/** Field numbers on the way from a request to the times of its samples, in OTLP 1.9 and later. */
const RESOURCE_PROFILES = 1;
const SCOPE_PROFILES = 2;
const PROFILES = 2;
const SAMPLES = 2;
const TIME_UNIX_NANO = 3;
const TIMESTAMPS_UNIX_NANO = 5;
const FIXED64_BYTES = 8;

/** A recorded request of profiles, whose times can be made those of another moment. */
export class RecordedTimes {
  readonly #bytes: Buffer;
  /** Where 8 bytes of a time stand, and which. */
  readonly #places: readonly { readonly at: number; readonly nanos: bigint }[];
  /** Nanoseconds since 1970 of the first and the last time. */
  readonly first: bigint;
  readonly last: bigint;

  /** @param bytes are kept, and changed by `moveTo` */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#places = [...placesOfTimes(bytes)]
      .map((at) => ({ at, nanos: bytes.readBigUInt64LE(at) }))
      .filter(({ nanos }) => nanos > 0n);
    const times = this.#places.map(({ nanos }) => nanos).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.first = times[0] ?? 0n;
    this.last = times.at(-1) ?? 0n;
  }

  /** How long the recording lasted, in milliseconds. */
  get durationMs(): number {
    return Number(this.last - this.first) / 1e6;
  }

  /** Writes times into the bytes so that the last one is that moment, in milliseconds since 1970. */
  moveTo(endMs: number): void {
    const shift = BigInt(Math.round(endMs)) * 1_000_000n - this.last;
    for (const { at, nanos } of this.#places) this.#bytes.writeBigUInt64LE(nanos + shift, at);
  }
}

function* placesOfTimes(bytes: Uint8Array): Generator<number> {
  for (const resource of fields(bytes, 0, bytes.length, RESOURCE_PROFILES)) {
    for (const scope of fields(bytes, ...resource, SCOPE_PROFILES)) {
      for (const profile of fields(bytes, ...scope, PROFILES)) yield* placesIn(bytes, profile);
    }
  }
}

function* placesIn(bytes: Uint8Array, profile: readonly [number, number]): Generator<number> {
  for (const [start] of fields(bytes, ...profile, TIME_UNIX_NANO, WireType.FIXED64)) yield start;
  for (const sample of fields(bytes, ...profile, SAMPLES)) {
    for (const [start, end] of fields(bytes, ...sample, TIMESTAMPS_UNIX_NANO)) {
      for (let at = start; at + FIXED64_BYTES <= end; at += FIXED64_BYTES) yield at;
    }
  }
}

/** The values of a message's fields of one number and type: from where to where. */
function fields(
  bytes: Uint8Array,
  start: number,
  end: number,
  field: number,
  type: WireType = WireType.LEN,
): [number, number][] {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  const found: [number, number][] = [];
  while (reader.next()) if (reader.field === field && reader.wireType === type) found.push([reader.start, reader.end]);
  return found;
}
