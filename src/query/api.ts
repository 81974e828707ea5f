/**
 * What the HTTP API answers, as types: the server builds them, the UI reads them (this file and
 * `frame-key.ts` are all that `web/` may import from `src/query`). Times are milliseconds since 1970; values are in the type's unit; `cores` are average CPUs.
 */

/** Stands in each answer about samples: what the numbers don't cover. */
export interface Coverage {
  readonly from: number;
  readonly to: number;
  readonly visibleUpTo: number;
  /** In the type's unit. */
  readonly total: number;
  /** Of it: without container or host process. */
  readonly unattributed: number;
  /** Of it: of containers whose names are not known. */
  readonly unnamed: number;
  /** Of it: stacks that end before their root. */
  readonly truncated: number;
  /** Samples lost before they came here or refused, since the start of the store. */
  readonly lost: number;
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  /** Human-readable: which tiers and blocks were read. */
  readonly plan: string;
}

export interface ProfileTypesAnswer {
  readonly types: readonly {
    readonly id: string;
    readonly unit: string;
    readonly aggregation: "sum" | "mean" | "last";
    /** True where the value is time on a CPU, so that cores can be shown. */
    readonly cores: boolean;
  }[];
}

export interface LabelsAnswer {
  readonly labels: readonly string[];
}

export interface LabelValuesAnswer {
  readonly values: readonly string[];
  readonly truncated: boolean;
}

export type TreeLevel =
  | "node" // the sum over everything
  | "cluster"
  | "namespace"
  | "workload"
  | "revision"
  | "pod"
  | "container"
  | "process"
  | "host" // processes outside of containers
  | "kernel"
  | "unattributed";

/** Rows in the order of a walk from the root; children follow their parent, heaviest first. */
export interface TreeAnswer {
  readonly type: string;
  readonly unit: string;
  readonly rows: readonly TreeRow[];
  /** Rows that were left out because of `limit`; their sum is a row of its own, marked `remainder`. */
  readonly omitted: number;
  readonly sparkline: { readonly start: number; readonly step: number };
  readonly coverage: Coverage;
}

export interface TreeRow {
  readonly level: TreeLevel;
  readonly depth: number;
  readonly name: string;
  /** E.g. kind of a workload (`Deployment`), image of a container. */
  readonly detail: string;
  /** Selects exactly this row, in the query language; empty for the root. */
  readonly query: string;
  readonly value: number;
  /** Average over the covered time; undefined for types that are no CPU time. */
  readonly cores: number | undefined;
  /** Of the root. 0…1. */
  readonly share: number;
  /** Value a slot. */
  readonly spark: readonly number[];
  readonly children: number;
  readonly remainder: boolean;
}

export interface TimelineAnswer {
  readonly type: string;
  readonly unit: string;
  readonly start: number;
  readonly step: number;
  readonly slots: number;
  /** Heaviest first; the last may be the remainder. */
  readonly series: readonly {
    readonly name: string;
    readonly query: string;
    readonly remainder: boolean;
    /** Per slot, in the unit, or in cores where `cores`. */
    readonly values: readonly number[];
  }[];
  readonly cores: boolean;
  /** Deployments (a revision's first sample) and restarts within the range. */
  readonly marks: readonly {
    readonly time: number;
    readonly kind: "revision" | "restart";
    readonly name: string;
    readonly query: string;
  }[];
  readonly coverage: Coverage;
}

/** `flamegraph?format=json`; the binary form holds the same (see flame-encoding.ts). */
export interface FlameAnswer {
  readonly type: string;
  readonly unit: string;
  readonly cores: boolean;
  readonly coverage: Coverage;
  /** Nodes that are not sent since they are too small; each parent has one remainder node for all of its. */
  readonly omitted: number;
  readonly frames: readonly FlameFrame[];
  /** Breadth first; children of a node are contiguous, heaviest first, the remainder last. Node 0 is the root. */
  readonly nodes: {
    /** Index into `frames`, -1 for the root, -2 for a remainder. */
    readonly frame: readonly number[];
    readonly children: readonly number[];
    readonly total: readonly number[];
    /** Of the second selection; diff only. */
    readonly other?: readonly number[];
  };
}

export interface FlameFrame {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly type: string;
  readonly mapping: string;
}

export interface TopAnswer {
  readonly type: string;
  readonly unit: string;
  readonly cores: boolean;
  readonly rows: readonly {
    readonly frame: FlameFrame;
    /** Time in it or what it called, recursion counted once. */
    readonly total: number;
    readonly self: number;
    readonly otherTotal?: number;
    readonly otherSelf?: number;
  }[];
  readonly omitted: number;
  readonly coverage: Coverage;
}

export interface DiffAnswer extends FlameAnswer {
  readonly otherCoverage: Coverage;
}

/** Everything that calls a function (roots are the function, children its callers) and everything that it calls. */
export interface SandwichAnswer {
  readonly function: string;
  readonly callers: FlameAnswer;
  readonly callees: FlameAnswer;
}

export interface HeatmapAnswer {
  readonly type: string;
  readonly start: number;
  /** Milliseconds a row (one column is a second). */
  readonly step: number;
  readonly columns: number;
  readonly rows: number;
  /** Samples' value at [column * rows + row]. */
  readonly values: readonly number[];
  readonly max: number;
  readonly coverage: Coverage;
}

/** Why containers have no name: doctor's reasons. */
export interface UnattributedAnswer {
  readonly rows: readonly {
    readonly reason: string;
    readonly remedy: string;
    /** Container id, host process or address. */
    readonly what: string;
    readonly query: string;
    readonly value: number;
    readonly samples: number;
    readonly lastSeen: number;
  }[];
  readonly coverage: Coverage;
}

export interface StatusAnswer {
  readonly version: string;
  /** What is sampled: `live`, or `recorded` with the reason why it isn't live and how to change it, or `files`. */
  readonly mode: { readonly kind: "live" | "recorded" | "files"; readonly reason: string; readonly remedy: string };
  /** Files that the page shall open at once (`podflame view`): fetched from `/api/v1/files/N`. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly visibleUpTo: number;
  readonly oldest: number | undefined;
  readonly bytes: Readonly<Record<string, number>>;
  readonly lost: Readonly<Record<string, number>>;
  readonly damaged: readonly string[];
}

/** `POST /api/v1/ingest`. */
export interface IngestAnswer {
  readonly samples: number;
  /** Samples that could not be kept, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
}

/** Every error, with the HTTP status that goes with it. */
export interface ErrorAnswer {
  readonly error: { readonly kind: string; readonly message: string; readonly remedy: string };
}
