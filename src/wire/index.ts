/**
 * Protobuf bytes: reading fields in place, writing them, splicing, and the reusable buffers that messages live in.
 * Start with `Reader` and `MessageBuffer`. Knows no message and no schema.
 */
export { BufferPool, HEADROOM, MessageBuffer, type BufferPoolStats } from "./buffer-pool.ts";
