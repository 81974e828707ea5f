import { HeaderDecoder } from "./header-decoder.ts";
import type { HeaderField } from "./header-field.ts";
import { ErrorCode, Flag } from "./protocol.ts";

/** Blocks above the list limit are still decoded up to so many times the limit, so that only the call fails. */
const BLOCK_FACTOR = 2;

/** A complete header block. */
export interface HeaderBlock {
  readonly kind: "block";
  readonly id: number;
  /** Only the beginning where the list is too large. */
  readonly fields: readonly HeaderField[];
  readonly tooLarge: boolean;
  /** Whether the stream ends with it. */
  readonly last: boolean;
}

/** A connection error. */
export interface HeaderFailure {
  readonly kind: "failure";
  readonly code: number;
  readonly reason: string;
}

/** Puts header blocks together from HEADERS and CONTINUATION frames, and decodes them. */
export class HeaderBlocks {
  readonly #decoder: HeaderDecoder;
  readonly #limitBytes: number;
  #last = false;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** The stream whose block must be continued by the next frame; 0 where there is none. */
  pendingStream = 0;

  constructor(listLimitBytes: number) {
    this.#decoder = new HeaderDecoder(listLimitBytes);
    this.#limitBytes = listLimitBytes * BLOCK_FACTOR;
  }

  /** Takes the payload of a HEADERS frame. Undefined where the block goes on. */
  headers(
    flags: number,
    id: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): HeaderBlock | HeaderFailure | undefined {
    let from = start;
    let to = end;
    if ((flags & Flag.PADDED) !== 0) to -= from < end ? bytes[from++]! : 1;
    // Stream dependency and weight, deprecated.
    if ((flags & Flag.PRIORITY) !== 0) from += 5;
    if (from > to) return failure(ErrorCode.PROTOCOL_ERROR, "more padding than frame");
    const last = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) return this.#decode(id, last, bytes, from, to);
    this.pendingStream = id;
    this.#last = last;
    return this.#collect(bytes, from, to);
  }

  /** Takes the payload of a CONTINUATION frame of `pendingStream`. */
  continuation(flags: number, bytes: Buffer, start: number, end: number): HeaderBlock | HeaderFailure | undefined {
    const problem = this.#collect(bytes, start, end);
    if (problem || (flags & Flag.END_HEADERS) === 0) return problem;
    const whole = Buffer.concat(this.#pieces, this.#bytes);
    const id = this.pendingStream;
    this.clear();
    return this.#decode(id, this.#last, whole, 0, whole.length);
  }

  clear(): void {
    this.#pieces = [];
    this.#bytes = this.pendingStream = 0;
  }

  #collect(bytes: Buffer, start: number, end: number): HeaderFailure | undefined {
    this.#bytes += end - start;
    if (this.#bytes > this.#limitBytes) {
      return failure(ErrorCode.ENHANCE_YOUR_CALM, `header block larger than ${this.#limitBytes} bytes`);
    }
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    return undefined;
  }

  #decode(id: number, last: boolean, bytes: Buffer, start: number, end: number): HeaderBlock | HeaderFailure {
    const fields: HeaderField[] = [];
    const problem = this.#decoder.decode(bytes, start, end, fields);
    if (problem === "corrupt") return failure(ErrorCode.COMPRESSION_ERROR, "header block can't be decoded");
    return { kind: "block", id, fields, tooLarge: problem !== undefined, last };
  }
}

function failure(code: number, reason: string): HeaderFailure {
  return { kind: "failure", code, reason };
}
