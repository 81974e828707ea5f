/** What a reflector is doing; see `Reflector.state`. */
export type ReflectorPhase = "listing" | "watching" | "waiting" | "stopped";

/** A reflector's condition, for diagnostics. */
export interface ReflectorState {
  readonly resource: string;
  readonly phase: ReflectorPhase;
  /** Since when it is in that phase, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** True once a first list was complete. */
  readonly synced: boolean;
  /** Objects that the server has, as far as seen. */
  readonly objects: number;
  /** Version up to which everything was seen; empty before the first list. */
  readonly resourceVersion: string;
  /** Last failure and when it was; undefined when the last list or watch went well. */
  readonly lastError: { readonly message: string; readonly atMs: number } | undefined;
  /** When something last came from the server, in milliseconds since the epoch; 0 before. */
  readonly heardMs: number;
}

/** A running list and watch. */
export interface Reflection {
  /** Resolves after the first complete list; never rejects. */
  readonly synced: Promise<void>;
  state(): ReflectorState;
  /** Ends it; resolves when nothing will reach the sink any more. */
  stop(): Promise<void>;
}
