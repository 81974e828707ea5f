import type { Counter, Histogram, MetricRegistry } from "#telemetry";
import { FLAWS } from "./profiles/flaws.ts";
import type { BuiltRequest } from "./profiles/request-builder.ts";
import type { SamplerCounters } from "./sampler/sample-source.ts";
import type { UnwindCounts } from "./stacks/complete-stacks.ts";

/** Why a sample that the kernel took is in no request. */
export type DropReason =
  /** Earlier requests were still being delivered, and as many samples as are kept waited already. */
  | "backlog"
  /** The request that held it was refused. */
  | "refused";

/** What happens to each hit of the timer, by the kernel's counts. */
const OUTCOMES = ["samples", "idle", "denied", "otherProcess", "lost", "missed"] as const;

const FLAW_HELP: Readonly<Record<string, string>> = {
  unnamed: "Samples whose innermost frame has no function name.",
  truncated: "Samples whose callers could not be followed to the root.",
  python_hidden: "Samples in whose stack functions of Python are missing.",
};

/** What happens to each stack that is to be copied, by the kernel's counts. */
const COPIES = ["copies", "copiesFailed", "copiesSpent", "copiesNoRoom"] as const;

/** Sizes that are read when somebody asks for the metrics. */
export interface ProfilerSizes {
  stacks(): number;
  locations(): number;
  files(): number;
  nameBytes(): number;
  unnamed(): number;
  kernelBytes(): number;
  unwindBytes(): number;
  namesRefused(): number;
  symbolsLeftOut(): number;
  walksRefused(): number;
}

/** What the profiler counts. */
export class ProfileMetrics {
  readonly dropped: Readonly<Record<DropReason, Counter>>;
  readonly #requests: Counter;
  readonly #requestBytes: Counter;
  /** By index of `FLAWS`; undefined for what the others add up to. */
  readonly #flawed: readonly (Counter | undefined)[];
  readonly #filesUnreadable: (reason: string) => Counter;
  readonly buildSeconds: Histogram;
  readonly #outcomes: Readonly<Record<(typeof OUTCOMES)[number], Counter>>;
  readonly #offCpu: Counter;
  readonly #offCpuLost: Counter;
  readonly #lifecycleLost: Counter;
  readonly #copies: Readonly<Record<(typeof COPIES)[number], Counter>>;
  readonly #copiedBytes: Counter;
  readonly #unwound: Counter;
  readonly #agreed: Counter;
  readonly #coldRows: Counter;
  readonly #malformed: Counter;
  #known: SamplerCounters | undefined;
  #sizes: ProfilerSizes | undefined;

  constructor(metrics: MetricRegistry, sizes: ProfilerSizes) {
    this.#sizes = sizes;
    const counter = (name: string, help: string, labels = {}): Counter =>
      metrics.counter(`podflame_profiling_${name}`, { help }, labels);
    const outcome = (name: string): Counter =>
      counter("hits", "Periods of the sampling timers of all CPUs, by what became of them.", { outcome: name });
    this.#outcomes = {
      samples: outcome("sampled"),
      idle: outcome("idle"),
      denied: outcome("denied"),
      otherProcess: outcome("other_process"),
      lost: outcome("ring_full"),
      missed: outcome("missed"),
    };
    const dropped = (reason: string): Counter =>
      counter("samples_dropped", "Samples that were taken, but are in no request.", { reason });
    this.dropped = { backlog: dropped("backlog"), refused: dropped("refused") };
    this.#flawed = FLAWS.map((flaw) => {
      const [kind, reason] = flaw.split(".");
      return reason === undefined ? undefined : counter(`samples_${kind}`, FLAW_HELP[kind!]!, { reason });
    });
    this.#filesUnreadable = (reason) =>
      counter("files_unreadable", "Executed files that could not be opened, or are no ELF files.", { reason });
    this.#offCpu = counter("off_cpu_intervals", "Intervals off the CPU that were recorded.");
    this.#offCpuLost = counter("off_cpu_intervals_lost", "Intervals off the CPU for which there was no room.");
    this.#lifecycleLost = counter(
      "lifecycle_lost",
      "Starts and ends of processes and control groups for which the ring had no room.",
    );
    const copied = (outcome: string): Counter =>
      counter("stack_copies", "Stacks that were to be copied for unwinding, by what became of them.", { outcome });
    this.#copies = {
      copies: copied("copied"),
      copiesFailed: copied("failed"),
      copiesSpent: copied("budget"),
      copiesNoRoom: copied("ring_full"),
    };
    this.#copiedBytes = counter("stack_copy_bytes", "Bytes of the stacks that were copied.");
    this.#unwound = counter("stacks_unwound", "Copied stacks that were unwound.");
    this.#agreed = counter("stacks_unwound_in_vain", "Unwound stacks that frame pointers had told already.");
    this.#coldRows = counter("unwind_rows", "Rows of unwind data that were looked up in files.");
    this.#malformed = counter("records_malformed", "Records of the kernel that could not be read.");
    this.#requests = counter("requests", "Requests built.");
    this.#requestBytes = counter("request_bytes", "Bytes of the requests built.");
    this.buildSeconds = metrics.histogram("podflame_profiling_build_seconds", {
      help: "Time to build a request.",
    });
    const size = (name: string, help: string, read: (sizes: ProfilerSizes) => number): void =>
      metrics.observe(`podflame_profiling_${name}`, { help }, {}, () => (this.#sizes ? read(this.#sizes) : 0));
    size("stacks", "Distinct stacks known.", (s) => s.stacks());
    size("locations", "Distinct locations known.", (s) => s.locations());
    size("code_files", "Files of executed code that are open.", (s) => s.files());
    size("symbol_bytes", "Memory of all symbol tables.", (s) => s.nameBytes());
    size("locations_waiting", "Locations that wait for their names.", (s) => s.unnamed());
    size("names_refused", "Locations that stay without names, because too many waited.", (s) => s.namesRefused());
    size("symbols_left_out", "Symbols that are not read, because their tables are too large.", (s) =>
      s.symbolsLeftOut(),
    );
    size("walks_refused", "Processes of which the kernel could not be told more, because there were too many.", (s) =>
      s.walksRefused(),
    );
    size("unwind_bytes", "Memory of what is remembered of unwind data.", (s) => s.unwindBytes());
    size("kernel_bytes", "Memory that the kernel holds for programs and tables.", (s) => s.kernelBytes());
  }

  /** Counts a request. */
  built({ request, flawed }: BuiltRequest): void {
    this.#requests.add();
    this.#requestBytes.add(request.length);
    for (const [flaw, count] of flawed.entries()) this.#flawed[flaw]?.add(count);
  }

  /** Takes over how many files could not be read so far, by reason. */
  filesUnreadable(problems: ReadonlyMap<string, number>): void {
    for (const [reason, count] of problems) {
      const known = this.#filesUnreadable(reason);
      known.add(count - known.value);
    }
  }

  /** Takes over how unwinding went so far. */
  unwound({ stacks, agreed, coldRows }: UnwindCounts): void {
    this.#unwound.add(stacks - this.#unwound.value);
    this.#agreed.add(agreed - this.#agreed.value);
    this.#coldRows.add(coldRows - this.#coldRows.value);
  }

  /** Takes over what the kernel counted since the last time. */
  follow(now: SamplerCounters): void {
    const before = this.#known;
    this.#known = now;
    const grew = (name: keyof SamplerCounters): number => Math.max(0, now[name] - (before?.[name] ?? 0));
    for (const outcome of OUTCOMES) this.#outcomes[outcome].add(grew(outcome));
    for (const outcome of COPIES) this.#copies[outcome].add(grew(outcome));
    this.#copiedBytes.add(grew("copiedBytes"));
    this.#offCpu.add(grew("offCpu"));
    this.#offCpuLost.add(grew("offCpuLost"));
    this.#lifecycleLost.add(grew("lifecycleLost"));
    this.#malformed.add(grew("malformed"));
  }

  /** Lets go of the profiler: the registry outlives it. */
  close(): void {
    this.#sizes = undefined;
  }
}
