/**
 * Protobuf bytes: reading fields in place, writing them, splicing, and the reusable buffers that messages live in.
 * Start with `Reader` and `MessageBuffer`. Knows no message and no schema.
 */
export { BufferPool, HEADROOM, MessageBuffer, type BufferPoolStats } from "./buffer-pool.ts";
export { IntList } from "./int-list.ts";
export { ParseError } from "./parse-error.ts";
export { decodeText, Reader, WireType } from "./reader.ts";
export { SplicePlan } from "./splice-plan.ts";
export { varintSize, writeVarint, writeVarint64 } from "./varint.ts";
export { Writer, WriterFullError } from "./writer.ts";
