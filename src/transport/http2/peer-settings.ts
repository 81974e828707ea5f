import {
  DEFAULT_FRAME_BYTES,
  DEFAULT_TABLE_BYTES,
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  MAX_WINDOW_BYTES,
  Setting,
} from "./protocol.ts";

const MAX_FRAME_SETTING = 0xff_ffff;
/** What we make use of: one write has a megabyte. */
const LARGEST_FRAME_BYTES = 256 << 10;

/** The peer's SETTINGS in effect (RFC 9113 §6.5.2), with the defaults until it sends any. */
export class PeerSettings {
  headerTableBytes = DEFAULT_TABLE_BYTES;
  maxConcurrentStreams = Infinity;
  initialWindowBytes = DEFAULT_WINDOW_BYTES;
  maxFrameBytes = DEFAULT_FRAME_BYTES;

  /** Takes over the payload of a SETTINGS frame; of a setting that is repeated only the last counts. */
  apply(bytes: Buffer, start: number, end: number): { readonly code: number; readonly reason: string } | undefined {
    if ((end - start) % 6 !== 0) return { code: ErrorCode.FRAME_SIZE_ERROR, reason: "SETTINGS of an odd length" };
    for (let at = start; at < end; at += 6) {
      const value = bytes.readUInt32BE(at + 2);
      switch (bytes.readUInt16BE(at)) {
        case Setting.HEADER_TABLE_SIZE:
          this.headerTableBytes = value;
          break;
        case Setting.ENABLE_PUSH:
          if (value > 1) return { code: ErrorCode.PROTOCOL_ERROR, reason: "ENABLE_PUSH is neither 0 nor 1" };
          break;
        case Setting.MAX_CONCURRENT_STREAMS:
          this.maxConcurrentStreams = value;
          break;
        case Setting.INITIAL_WINDOW_SIZE:
          if (value > MAX_WINDOW_BYTES) {
            return { code: ErrorCode.FLOW_CONTROL_ERROR, reason: "INITIAL_WINDOW_SIZE above 2^31-1" };
          }
          this.initialWindowBytes = value;
          break;
        case Setting.MAX_FRAME_SIZE:
          if (value < DEFAULT_FRAME_BYTES || value > MAX_FRAME_SETTING) {
            return { code: ErrorCode.PROTOCOL_ERROR, reason: `MAX_FRAME_SIZE ${value} is not allowed` };
          }
          this.maxFrameBytes = Math.min(value, LARGEST_FRAME_BYTES);
          break;
      }
    }
    return undefined;
  }
}
