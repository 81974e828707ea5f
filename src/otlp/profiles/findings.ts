import type { Reader } from "#wire";

/** What can be odd about a request that can be read nevertheless. */
export type FindingKind =
  /** Bytes that cannot be read: the entry counts as empty, the sample or profile as lost. */
  | "malformed"
  /** An index or a slice that points outside of its table. */
  | "index-out-of-range"
  /** From D8 on: element 0 of a table is not the null element, or a table lacks it. */
  | "nonzero-sentinel"
  | "missing-sentinel"
  | "invalid-utf8"
  /** Two units for one attribute key. */
  | "conflicting-units"
  /** A known field that has a wire type it cannot have; it is passed over. */
  | "wrong-wire-type"
  /** Layout E: mapping 0 or link 0, which cannot be told from none. */
  | "ambiguous-zero"
  /** A sample that refers to the same attribute key twice. */
  | "duplicate-attribute-key"
  /** Trace id, span id or profile id of another size than 16, 8, 16 bytes. */
  | "id-size"
  /** A payload without format or the reverse. */
  | "half-payload"
  /** A sample from D8 on with neither values nor timestamps, or with different numbers of them. */
  | "unpaired-values"
  /** Values of a sample up to D7 that are not one for each type. */
  | "values-per-type"
  /** More than one sample type where the layout has one. */
  | "repeated-singular"
  /** A value that does not fit, such as an end before its start. */
  | "bad-value"
  /** More unknown fields than are kept. */
  | "unknown-dropped";

export interface Finding {
  readonly kind: FindingKind;
  /** Which field, in the words of the .proto files, e.g. `Sample.attribute_indices` or `string_table`. */
  readonly field: string;
  /** How often. */
  readonly count: number;
  /** The first one: path of its message and offset in the request's bytes; -1 where not known. */
  readonly place: string;
  readonly offset: number;
}

/** How many different findings are kept; there are fewer kinds of fields than that. */
const MAX_FINDINGS = 256;

/** Unknown fields that are kept of a request: a newer release adds few, and joining many costs time. */
const MAX_UNKNOWN = 8192;
/** Bytes of unknown fields that are kept of one message. */
const MAX_UNKNOWN_BYTES = 1 << 16;

/** Collects what is odd about a request: counts what repeats, keeps where it was first, and the unknown fields. */
export class Findings {
  #unknown = 0;
  readonly #found = new Map<
    string,
    { kind: FindingKind; field: string; count: number; place: string; offset: number }
  >();

  /** @param place path of the message, called only for the first of its kind and field; a dot at its end is dropped */
  add(kind: FindingKind, field: string, offset: number, place: () => string = nowhere): void {
    const key = `${kind} ${field}`;
    const known = this.#found.get(key);
    if (known) known.count++;
    else if (this.#found.size < MAX_FINDINGS) {
      this.#found.set(key, { kind, field, count: 1, place: place().replace(/\.$/, ""), offset });
    }
  }

  /**
   * Joins the unknown field that `reader` is at, tag included, to what is kept of its message. Returns what there is to
   * keep, which is `before` where the limits are reached.
   */
  keepUnknown(before: Uint8Array | undefined, reader: Reader): Uint8Array | undefined {
    const size = reader.position - reader.fieldStart;
    if (this.#unknown === MAX_UNKNOWN || size + (before?.length ?? 0) > MAX_UNKNOWN_BYTES) {
      this.add("unknown-dropped", "unknown", reader.fieldStart);
      return before;
    }
    this.#unknown++;
    const field = reader.bytes.subarray(reader.fieldStart, reader.position);
    return before ? Buffer.concat([before, field]) : field.slice();
  }

  /** In order of their first occurrence. */
  list(): readonly Finding[] {
    return [...this.#found.values()];
  }
}

function nowhere(): string {
  return "";
}
