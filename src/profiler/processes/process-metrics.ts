import type { Counter, MetricRegistry } from "#telemetry";

/** What is read when somebody asks for the metrics. */
export interface ProcessSizes {
  processes(): number;
  cgroups(): number;
  cgroupsLeftOut(): number;
}

/** What became of the processes that were sampled. */
export class ProcessMetrics {
  readonly seen: Counter;
  readonly evicted: Counter;
  readonly goneUnread: Counter;
  readonly otherProcess: Counter;
  readonly readAfterExec: Counter;
  readonly notVisible: Counter;
  readonly variablesDiscarded: Counter;
  #sizes: ProcessSizes | undefined;

  constructor(metrics: MetricRegistry, sizes: ProcessSizes) {
    this.#sizes = sizes;
    const counter = (name: string, help: string): Counter => metrics.counter(`podflame_profiling_${name}`, { help });
    this.seen = counter("processes_seen", "Programs that were sampled for the first time.");
    this.evicted = counter("processes_evicted", "Processes forgotten before their time, because there were too many.");
    const unread = {
      help: "Processes of which samples were taken, but neither executable nor mappings could be read.",
    };
    const reason = (name: string): Counter =>
      metrics.counter("podflame_profiling_processes_unread", unread, { reason: name });
    this.goneUnread = reason("gone");
    this.otherProcess = reason("other_process");
    this.readAfterExec = reason("exec");
    this.notVisible = reason("not_visible");
    this.variablesDiscarded = counter(
      "service_variables_discarded",
      "Processes whose OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES could not be decoded.",
    );
    const size = (name: string, help: string, read: (sizes: ProcessSizes) => number): void =>
      metrics.observe(`podflame_profiling_${name}`, { help }, {}, () =>
        this.#sizes === undefined ? 0 : read(this.#sizes),
      );
    size("processes", "Processes known, those that ended a short time ago included.", (s) => s.processes());
    size("cgroups", "Control groups known, of all hierarchies.", (s) => s.cgroups());
    size("cgroups_left_out", "Control groups not taken since the start, because there were too many.", (s) =>
      s.cgroupsLeftOut(),
    );
  }

  /** Lets go of the table: the registry outlives it. */
  close(): void {
    this.#sizes = undefined;
  }
}
