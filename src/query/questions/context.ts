import type { ProfileStore } from "#store";
import type { ColumnMemory } from "../flame/column-memory.ts";
import type { FunctionTables } from "../flame/function-table.ts";

/** What answers may cost. */
export interface QueryLimits {
  /** Nodes of a graph that a request may ask for; also the most that it gets by itself is a fraction of it. */
  readonly maxNodes: number;
  /** Rows of tables and trees. */
  readonly maxRows: number;
  /** Label values of one answer. */
  readonly maxLabelValues: number;
  /** Different combinations of labels of one answer. */
  readonly maxGroups: number;
  /** Steps of a timeline. */
  readonly maxSlots: number;
  /** Cells of a heat map. */
  readonly maxCells: number;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  maxNodes: 1_000_000,
  maxRows: 10_000,
  maxLabelValues: 10_000,
  maxGroups: 100_000,
  maxSlots: 2_000,
  maxCells: 250_000,
};

/** What every question is asked of. */
export interface QueryContext {
  readonly store: ProfileStore;
  readonly limits: QueryLimits;
  /** Names of frames, kept from one question to the next. */
  readonly functions: FunctionTables;
  /** Columns of large trees, kept from one question to the next. */
  readonly columns: ColumnMemory;
}
