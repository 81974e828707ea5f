/** What `programs/nested.ts` says of a record, the first one of its kind from a thread. */
export interface NestedRecord {
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
  readonly kind: number;
  readonly startTimeNs: number;
  readonly userWords: number;
  /** Of version 1 and version 2. */
  readonly cgroups: readonly [number, number];
  /** What the namespace's /proc has under that pid, with the numbers from there down to the process's own namespace. */
  readonly shown: { readonly comm: string; readonly pids: readonly number[]; readonly startTicks: number } | undefined;
}

/** A line of its output. */
export interface NestedReport {
  /** The program beside it. */
  readonly here: number;
  /** One that ended at once. */
  readonly ended: number;
  readonly seen: readonly NestedRecord[];
}
