import { defineConfig, durationMs, integer, mapped, optional, section } from "#collector";

/** What a user writes under `live_table`. */
export interface LiveTableConfig {
  /** Between two tables. */
  readonly intervalMs: number;
  /** Rows shown; the rest is summed up in one. */
  readonly maxRows: number;
}

export const liveTableConfig = defineConfig<LiveTableConfig>(
  mapped(
    section({
      interval: optional(durationMs({ min: 100 }), 2000),
      max_rows: optional(integer({ min: 1, max: 1000 }), 20),
    }),
    ({ interval, max_rows: maxRows }) => ({ intervalMs: interval, maxRows }),
  ),
);
