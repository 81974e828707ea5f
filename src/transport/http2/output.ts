import type { Socket } from "node:net";
import { FRAME_HEADER_BYTES } from "./protocol.ts";

const BLOCK_BYTES = 16 << 10;
const MAX_IDLE_BLOCKS = 32;
/** Memory for frames on their way out, shared by all connections: one that is silent holds none. */
const idleBlocks: Buffer[] = [];

/**
 * What a connection is about to send, in order, until `send` gives it to the socket in one write. Frames are written
 * into shared blocks; the content of large DATA frames is only pointed to.
 */
export class Output {
  readonly #socket: Socket;
  #block: Buffer | undefined;
  /** Written of the block, and how much of that is already among the pieces. */
  #at = 0;
  #from = 0;
  #pieces: Uint8Array[] = [];
  #full: Buffer[] = [];
  #leaving: Buffer[] = [];
  /** Bytes that wait for `send`. */
  waitingBytes = 0;
  /** Whether a write is under way. */
  busy = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Adds a frame header, for a payload that follows by `bytes` or `view`. */
  frame(length: number, type: number, flags: number, streamId: number): void {
    this.#reserve(FRAME_HEADER_BYTES);
    const block = this.#block!;
    let at = this.#at;
    block[at++] = length >>> 16;
    block[at++] = length >>> 8;
    block[at++] = length;
    block[at++] = type;
    block[at++] = flags;
    block[at++] = streamId >>> 24;
    block[at++] = streamId >>> 16;
    block[at++] = streamId >>> 8;
    block[at++] = streamId;
    this.#at = at;
    this.waitingBytes += FRAME_HEADER_BYTES;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#block!.writeUInt32BE(value >>> 0, this.#at);
    this.#at += 4;
    this.waitingBytes += 4;
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#block!.writeUInt16BE(value, this.#at);
    this.#at += 2;
    this.waitingBytes += 2;
  }

  /** Adds a copy of `source[start, end)`. */
  bytes(source: Uint8Array, start = 0, end = source.length): void {
    const length = end - start;
    if (length > BLOCK_BYTES) {
      this.view(Uint8Array.prototype.slice.call(source, start, end), 0, length);
      return;
    }
    this.#reserve(length);
    this.#block!.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.#at);
    this.#at += length;
    this.waitingBytes += length;
  }

  /** Adds `source[start, end)` without a copy: it must not change until `send` has called back. */
  view(source: Uint8Array, start: number, end: number): void {
    this.#seal();
    this.#pieces.push(source.subarray(start, end));
    this.waitingBytes += end - start;
  }

  /** Gives everything to the socket. `written` is called when the kernel has it; not when the connection is lost. */
  send(written: (error?: Error | null) => void): void {
    this.#seal();
    const pieces = this.#pieces;
    const last = pieces.length - 1;
    this.#pieces = [];
    if (this.#block && BLOCK_BYTES - this.#at < 512) this.#retire();
    const leaving = this.#leaving;
    this.#leaving = this.#full;
    this.#full = leaving;
    this.waitingBytes = 0;
    this.busy = true;
    if (last === 0) {
      this.#socket.write(pieces[0]!, written);
      return;
    }
    this.#socket.cork();
    for (let at = 0; at < last; at++) this.#socket.write(pieces[at]!);
    this.#socket.write(pieces[last]!, written);
    this.#socket.uncork();
  }

  /** The write is over: its memory may be used again. */
  written(): void {
    this.busy = false;
    for (const block of this.#leaving) giveBack(block);
    this.#leaving.length = 0;
    // Nothing was added meanwhile: the current block's bytes have all been sent.
    if (this.waitingBytes > 0 || this.#block === undefined) return;
    giveBack(this.#block);
    this.#block = undefined;
  }

  /** Forgets what waits. The socket is gone, and with it whoever read the blocks. */
  discard(): void {
    this.#pieces = [];
    this.#full = [];
    this.#leaving = [];
    this.#block = undefined;
    this.waitingBytes = 0;
  }

  #reserve(bytes: number): void {
    if (this.#block) {
      if (this.#at + bytes <= BLOCK_BYTES) return;
      this.#seal();
      this.#retire();
    }
    this.#block = idleBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#at = this.#from = 0;
  }

  #seal(): void {
    if (this.#block === undefined || this.#at === this.#from) return;
    this.#pieces.push(this.#block.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  #retire(): void {
    this.#full.push(this.#block!);
    this.#block = undefined;
  }
}

function giveBack(block: Buffer): void {
  if (idleBlocks.length < MAX_IDLE_BLOCKS) idleBlocks.push(block);
}
