import { checked, defineConfig, durationMs, integer, mapped, optional, section } from "#collector";

/** When a batch is sent, and how large it may get. */
export interface BatchProcessorConfig {
  /** After this at the latest; 0 sends at once. */
  readonly timeoutMs: number;
  /** As soon as so many items wait; 0 sends at once. */
  readonly sendItems: number;
  /** No batch has more items, as far as requests can be cut between resources; 0 for no limit. */
  readonly maxItems: number;
  /** The same in bytes. */
  readonly maxBytes: number;
}

/** A little below the 4 MiB that gRPC servers take by default. */
const DEFAULT_MAX_BYTES = 4_000_000;

export const batchProcessorConfig = defineConfig<BatchProcessorConfig>(
  mapped(
    checked(
      section(
        {
          timeout: optional(durationMs({ min: 0 }), 200),
          send_batch_size: optional(integer({ min: 0 }), 8192),
          send_batch_max_size: optional(integer({ min: 0 }), 0),
          send_batch_max_bytes: optional(integer({ min: 1 }), DEFAULT_MAX_BYTES),
        },
        {
          metadata_keys: `"metadata_keys" is not supported yet; remove it`,
          metadata_cardinality_limit: `"metadata_cardinality_limit" is not supported yet; remove it`,
        },
      ),
      ({ send_batch_size: size, send_batch_max_size: max }) =>
        max > 0 && max < size
          ? [
              {
                path: ["send_batch_max_size"],
                message: `must be at least send_batch_size (${size}), got ${max}; 0 means no limit`,
              },
            ]
          : [],
    ),
    (read) => ({
      timeoutMs: read.timeout,
      sendItems: read.send_batch_size,
      maxItems: read.send_batch_max_size,
      maxBytes: read.send_batch_max_bytes,
    }),
  ),
);
