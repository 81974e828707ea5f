import type { HeaderField } from "./header-field.ts";
import type { ConstantFields, OutgoingField } from "./header-encoder.ts";

/**
 * How a stream ended: both sides said all (`complete`), somebody reset it (`reset`, with the code), the connection was
 * lost, or the peer said that it didn't and won't look at it (`unprocessed`: it may be sent again).
 */
export type StreamEnd = "complete" | "reset" | "lost" | "unprocessed";

/** What happens on a stream, told to whoever it belongs to. Nothing comes after `onClosed` but `onReleased`. */
export interface StreamReceiver {
  /** Client: the response's head (1xx are not told), and trailers. `last`: nothing follows. */
  onHeaders(fields: readonly HeaderField[], last: boolean): void;
  /** Bytes `chunk[start, end)` of the body. They are valid during the call. */
  onData(chunk: Buffer, start: number, end: number): void;
  /** The peer has said all. */
  onEnd(): void;
  /** Once. `code` is what the reset carried, from whichever side; 0 otherwise. */
  onClosed(how: StreamEnd, code: number): void;
  /** Once for each body or part that was given: its bytes are not read any more. May come before and after `onClosed`. */
  onReleased(): void;
}

/** One stream. Its connection changes the fields; the others only read them. */
export class Stream {
  /** 0 while the stream waits for its turn (MAX_CONCURRENT_STREAMS of the peer). */
  id: number;
  receiver: StreamReceiver | undefined;
  /** Bytes that the peer takes. Negative after it made the window smaller. */
  sendWindow: number;
  /** Bytes that the peer may send. */
  receiveWindow: number;
  /** We have said all. */
  localEnded = false;
  /** The peer has said all. */
  remoteEnded = false;
  /** The peer's final response head, or the request's, has come. */
  headReceived = false;
  closed = false;
  /** What is still to be sent, from `bodyAt`. */
  body: Uint8Array | undefined = undefined;
  bodyAt = 0;
  /** A block behind the body; without one the body's last frame ends the stream. */
  trailers: Uint8Array | undefined = undefined;
  /** What is sent comes in parts: the end of `body` ends nothing. */
  inParts = false;
  /** Whether the connection has it in its queue of streams with something to send. */
  queued = false;
  /** Whether the write under way holds bytes of the body. */
  writing = false;

  constructor(id: number, receiver: StreamReceiver | undefined, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.receiver = receiver;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }
}

/** The head of a request that a client sends. */
export interface OutgoingHead {
  readonly constant: ConstantFields;
  readonly varying: readonly OutgoingField[];
}
