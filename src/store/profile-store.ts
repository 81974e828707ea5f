/**
 * The contract of every store: what goes in (requests, identity), what can be asked. Who a series is (`resolve`) and
 * how much it used (`sum`, `timeline`, `events`) are separate questions, so that names join at read time and never in
 * a scan.
 */

/** Milliseconds since 1970, `to` exclusive. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** How values of one type over time become one value. In-use heap must not be summed over time, CPU must. */
export type Aggregation = "sum" | "mean" | "last";

/** A profile type as people ask for it. Values of answers are in `unit`; counts with a period were multiplied by it. */
export interface ProfileType {
  /** E.g. `cpu`, `off_cpu`, `alloc_space`, `inuse_space`: what stands in a query. */
  readonly id: string;
  /** `nanoseconds`, `bytes`, `count`, … */
  readonly unit: string;
  readonly aggregation: Aggregation;
  /** Period of the newest profile in its own unit; undefined where it was not told. */
  readonly period: { readonly type: string; readonly unit: string; readonly value: number } | undefined;
}

/** One Prometheus matcher. A label that a series doesn't have matches as the empty text. */
export interface Matcher {
  /** Label name: an attribute key with each character outside `[a-zA-Z0-9_]` as `_`. */
  readonly name: string;
  readonly op: "=" | "!=" | "=~" | "!~";
  /** Regular expressions are anchored at both ends. */
  readonly value: string;
}

/** All must match. */
export type Selector = readonly Matcher[];

/** Labels of a series for a stretch of time: its own attributes and what identity said of it then. */
export interface SeriesSpan extends TimeRange {
  /** Opaque; valid for the store that gave it. */
  readonly series: number;
  readonly labels: ReadonlyMap<string, string>;
}

/** What the store knows of a key (container, pod or address) from a time on. */
export interface IdentityEntry {
  readonly key: IdentityKey;
  /** Milliseconds. Knowledge about a container or pod uid also names what came before its first entry. */
  readonly validFrom: number;
  /** Undefined: until further notice. */
  readonly validTo: number | undefined;
  /** Attributes by their OpenTelemetry names (`k8s.pod.name`, …). */
  readonly attributes: ReadonlyMap<string, string>;
}

/**
 * A container id and a pod uid are never used twice; an address is, so its entries hold strictly within their times,
 * and where two overlap nobody is named.
 */
export interface IdentityKey {
  readonly kind: "container.id" | "k8s.pod.uid" | "k8s.pod.ip";
  /** Bare, without `containerd://`. */
  readonly value: string;
}

/** One request of OTLP profiles, in whatever layout. */
export interface AppendRequest {
  /** The protobuf message ExportProfilesServiceRequest; valid until `append` settles. */
  readonly bytes: Uint8Array;
  /** For samples without a time. Milliseconds. */
  readonly receivedAt: number;
}

export interface AppendReceipt {
  readonly samples: number;
  /** Samples that could not be kept, by reason; the rest of the request was. */
  readonly rejected: ReadonlyMap<string, number>;
}

/** Part of a series and the group that it counts for. */
export interface GroupedSpan extends TimeRange {
  readonly series: number;
  /** From 0. */
  readonly group: number;
}

export interface SumRequest {
  /** `ProfileType.id`. */
  readonly type: string;
  readonly range: TimeRange;
  readonly spans: readonly GroupedSpan[];
  /**
   * What values are added up by, besides the group: whole stacks, the process at the root of a stack (truncated stacks
   * apart: see `StackSums.node`), or nothing.
   */
  readonly by: "stack" | "process" | "nothing";
  /** Only samples of these spans (16 hex digits) or traces (32). Needs raw events. */
  readonly links?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * The tree that stacks of an answer are paths of: node 0 is the root, `parent[i] < i`. May hold nodes that no value goes
 * with. Shared with the store: read only.
 */
export interface StackNodes {
  readonly length: number;
  readonly parent: Uint32Array;
  /** Index into `FrameTable`. */
  readonly frame: Uint32Array;
  /** Whether the stack of a node is marked as truncated: the frame right below its process is of that type. */
  isMarked(node: number): boolean;
}

/** Names of frames. A frame stands for one function at one line (inlined calls are frames of their own). */
export interface FrameTable {
  /** Text of frame `i`. `name` is empty where nothing is known but an address. */
  at(i: number): StoredFrame;
}

export interface StoredFrame {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /**
   * `profile.frame.type` (`native`, `kernel`, `go`, `v8js`, `cpython`, …), or `process` for the executable at the root
   * of each stack, or `truncated` for the mark above the outermost known frame (`name` is the reason).
   */
  readonly type: string;
  /** File of the mapping, e.g. `libc.so.6`. */
  readonly mapping: string;
  readonly address: bigint;
}

/** How an answer was made, shown to whoever asks why. */
export interface Plan {
  /** The range that the answer really covers: whole buckets. */
  readonly covered: TimeRange;
  /** `events`, `10s`, `60s`, `5m`, `head`, … */
  readonly tiers: readonly string[];
  readonly blocks: number;
  readonly rows: number;
  /** Time that is missing because a block can't be read. */
  readonly gaps: readonly TimeRange[];
}

/** Sums as columns; entry `i` is `value[i]` of `node[i]` in `group[i]`. Several entries may have the same key. */
export interface StackSums {
  readonly nodes: StackNodes;
  readonly frames: FrameTable;
  readonly length: number;
  readonly group: Uint32Array;
  /**
   * Leaf of the stack (`by: "stack"`); child of the root, or below it the frame of type "truncated" of stacks that begin
   * with such a one (`"process"`); or 0.
   */
  readonly node: Uint32Array;
  readonly value: Float64Array;
  readonly plan: Plan;
}

export interface TimelineRequest {
  readonly type: string;
  readonly range: TimeRange;
  readonly spans: readonly GroupedSpan[];
  /** At least this long, in milliseconds; the answer says what it is. */
  readonly step: number;
  /** Times of single samples instead of buckets, for steps below ten seconds; needs raw events. */
  readonly raw?: boolean;
  readonly signal?: AbortSignal;
}

export interface Timeline {
  readonly start: number;
  /** Milliseconds. */
  readonly step: number;
  readonly slots: number;
  /** `values[group * slots + slot]`, in the type's unit (not per second). */
  readonly values: Float64Array;
  readonly groups: number;
  readonly plan: Plan;
}

/** Label values in order, cut at the limit asked for. */
export interface LabelValues {
  readonly values: readonly string[];
  readonly truncated: boolean;
}

export interface StoreState {
  /** Samples up to here are in answers. Milliseconds. */
  readonly visibleUpTo: number;
  /** Oldest sample still held; undefined for an empty store. */
  readonly oldest: number | undefined;
  readonly bytes: ReadonlyMap<string, number>;
  /** Blocks set aside because they can't be read, by name. */
  readonly damaged: readonly string[];
  /** What was not kept since the start, by reason. */
  readonly lost: ReadonlyMap<string, number>;
  /** Bytes of data that retention removed since the start, by reason; undefined for stores that don't tell. */
  readonly removed?: ReadonlyMap<string, number>;
}

/**
 * A store of profiles. All methods may be called at any time; answers don't block writing. Errors are `StoreError`.
 */
export interface ProfileStore {
  /** Resolves when the request is as safe as the store's durability promises. May be called without waiting. */
  append(request: AppendRequest): Promise<AppendReceipt>;
  /** Entries may come late, early, twice and out of order. */
  recordIdentity(entries: readonly IdentityEntry[]): Promise<void>;

  profileTypes(range: TimeRange): Promise<readonly ProfileType[]>;
  labelNames(selector: Selector, range: TimeRange): Promise<readonly string[]>;
  labelValues(name: string, selector: Selector, range: TimeRange, limit: number): Promise<LabelValues>;
  /** The series that match while they match, split where their labels changed, for one type or all. */
  resolve(selector: Selector, range: TimeRange, type?: string): Promise<readonly SeriesSpan[]>;
  sum(request: SumRequest): Promise<StackSums>;
  timeline(request: TimelineRequest): Promise<Timeline>;

  state(): StoreState;
  /** Makes everything appended so far durable; for shutdown and tests. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** What went wrong, for whoever called: try again, try again later, or don't. */
export type StoreErrorKind = "unavailable" | "overloaded" | "invalid" | "limit" | "cancelled" | "corrupt";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly kind: StoreErrorKind;

  /** @param message what failed, where, and what to do */
  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
