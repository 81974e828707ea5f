import { availableParallelism } from "node:os";
import { setImmediate as immediately } from "node:timers/promises";
import { CgroupTree } from "#linux";
import type { KernelList } from "#symbols";
import type { Telemetry, Timer } from "#telemetry";
import { hostAttributes } from "./host-attributes.ts";
import { openKernelList } from "./naming/kernel-code.ts";
import { ProcessWalks } from "./naming/process-walks.ts";
import { ProcessTable } from "./processes/index.ts";
import { ProfileMetrics } from "./profile-metrics.ts";
import { UnixClock } from "./profiles/unix-clock.ts";
import { Recording } from "./recording.ts";
import type { SampleSource } from "./sampler/sample-source.ts";
import { Sampler } from "./sampler/sampler.ts";
import { CgroupSelector } from "./selection/index.ts";
import type { ProfilerSettings } from "./settings.ts";

/**
 * Takes a finished request (newest layout). The bytes are valid until the promise settles: copy what is kept longer. While
 * it is pending, samples of the next intervals are gathered up to a bound. A rejection means that they are lost, which
 * is counted; nothing is sent again.
 */
export type DeliverProfiles = (request: Uint8Array, samples: number) => Promise<void>;

/** Where the time of all CPUs went since the start, in sampling periods (`frequencyHz` of them a second and CPU). */
export interface ProfilerAccounts {
  /** Taken, and in a request that was delivered or will be. */
  readonly samples: number;
  readonly idle: number;
  /** Of tasks that the filter or the selection leaves out. */
  readonly denied: number;
  /** Never in a request. */
  readonly lost: Readonly<Record<LossReason, number>>;
}

/** Why a period of a timer is in no request, though it should be. */
const LOSSES = [
  /** The ring between kernel and profiler had no room. */
  "ring_full",
  /** The timer didn't fire: the machine was held up. */
  "missed",
  /** The record could not be read. */
  "malformed",
  /** Earlier requests were still being delivered, and as many samples as are kept waited already. */
  "backlog",
  /** The request was refused. */
  "refused",
] as const;
export type LossReason = (typeof LOSSES)[number];
const NOTHING_LOST = { ring_full: 0, missed: 0, malformed: 0, backlog: 0, refused: 0 };

/** While there are samples the ring is looked at so often: soon enough to read processes that live only a moment. */
const DRAIN_INTERVAL_MS = 250;
/**
 * On a machine without samples it is looked at ever less often, up to this. Not if some are selected: a container that is
 * new has no samples before its cgroup was seen in the ring.
 */
const MAX_DRAIN_INTERVAL_MS = 1000;
/** Work at a time, lest it holds up whatever else this process does. */
const TURN_MS = 20;
/** Pause between turns when there is more to do than one takes. */
const NEXT_TURN_MS = 5;
/** Records taken between two looks at the clock: the first stacks of a program may take a millisecond each to unwind. */
const BATCH_RECORDS = 32;
/** Room in the ring for each CPU and sample a second: copied stacks of 4 KB for half a second, and as much again for others. */
const RING_BYTES_A_HERTZ = 5120;
/** Many CPUs are rarely all busy: beyond this the ring has no more for rates than for CPUs. */
const MAX_RING_BYTES_FOR_RATE = 4 << 20;
const MIN_RING_BYTES_A_CPU = 64 * 1024;
const MIN_RING_BYTES = 256 * 1024;
/** A request waits so long at most for names that are being read. */
const NAME_WITHIN_MS = 1000;
/** At the end, for what waits in the ring. */
const DRAIN_WITHIN_MS = 10_000;
/** Whoever starts it wants to see soon that it works. */
const FIRST_REPORT_MS = 700;
/** Between two looks at cgroups and pods, where some are selected. */
const SELECT_INTERVAL_MS = 1000;

/** What a test replaces. */
export interface ProfilerParts {
  readonly openSource: (settings: ProfilerSettings, telemetry: Telemetry) => SampleSource;
  readonly cgroups: (telemetry: Telemetry) => CgroupTree;
  readonly openKernelList: () => KernelList | undefined;
  /** CLOCK_MONOTONIC. */
  readonly monotonicNs: () => bigint;
}

const THIS_MACHINE: ProfilerParts = {
  openSource: (settings, telemetry) =>
    Sampler.open(
      {
        frequencyHz: settings.frequencyHz,
        offCpuThreshold: settings.offCpuThreshold,
        ringBytes: ringBytesFor(settings.frequencyHz),
        copies: settings.stackCopies,
        ...(settings.filter.pid === undefined ? {} : { pid: settings.filter.pid }),
      },
      telemetry,
    ),
  cgroups: ({ clock }) => new CgroupTree({ clock }),
  openKernelList,
  monotonicNs: () => process.hrtime.bigint(),
};

/**
 * Samples this machine and hands over OTLP profiles, one request an interval. `start` throws a `KernelSupportError` with
 * the remedies where the kernel doesn't let us; after that nothing throws: what goes wrong is counted.
 */
export class Profiler {
  readonly #settings: ProfilerSettings;
  readonly #telemetry: Telemetry;
  readonly #deliver: DeliverProfiles;
  readonly #parts: ProfilerParts;
  #frequencyHz: number;
  #running: Running | undefined;
  #drainTimer: Timer | undefined;
  #flushTimer: Timer | undefined;
  #drainIntervalMs = DRAIN_INTERVAL_MS;
  #delivering: Promise<void> | undefined;
  #refused = 0;
  #lastAccounts: ProfilerAccounts = { samples: 0, idle: 0, denied: 0, lost: NOTHING_LOST };
  #selectedAtMs = 0;

  constructor(
    settings: ProfilerSettings,
    telemetry: Telemetry,
    deliver: DeliverProfiles,
    parts: ProfilerParts = THIS_MACHINE,
  ) {
    this.#settings = settings;
    this.#telemetry = telemetry;
    this.#deliver = deliver;
    this.#parts = parts;
    this.#frequencyHz = settings.frequencyHz;
  }

  /**
   * Begins to sample. Once.
   *
   * @throws {KernelSupportError} with everything that is missing
   */
  start(): void {
    const running = openRunning(this.#settings, this.#telemetry, this.#parts);
    this.#running = running;
    running.source.start();
    running.recording.kernel.load().then(
      () => {
        const { problem } = running.recording.kernel;
        if (problem !== undefined) this.#telemetry.logger.warn(`kernel functions have no names: ${problem}`);
      },
      () => {},
    );
    this.#scheduleDrain(this.#drainIntervalMs);
    this.#scheduleFlush(Math.min(FIRST_REPORT_MS, this.#settings.reporterIntervalMs));
    this.#telemetry.logger.info("profiler started", {
      frequencyHz: this.#frequencyHz,
      cpus: running.source.onlineCpus,
      kernelBytes: running.source.kernelMemoryBytes,
    });
  }

  /**
   * Stops sampling, delivers what is there, and gives back everything that the kernel holds.
   *
   * @param nameWithinMs how long names may be looked for that the last samples still lack
   */
  async stop(nameWithinMs = 0): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#drainTimer?.cancel();
    this.#flushTimer?.cancel();
    // Nobody is selected from now on, so that looking for names isn't sampled itself.
    if (running.selector === undefined) running.source.selection.use("only");
    await this.#drainAll(running);
    await this.#settle(running, nameWithinMs);
    await this.flushNow();
    this.#lastAccounts = this.accounts();
    this.#running = undefined;
    running.metrics.follow(running.source.counters());
    running.metrics.close();
    running.selector?.close();
    running.processes.close();
    running.recording.close();
    running.source.close();
  }

  /** Changes the rate from now on; the samples so far go out as a request of their own, for a profile has one period. */
  setFrequency(hz: number): void {
    if (hz === this.#frequencyHz || !this.#running) return;
    this.#drain(this.#running);
    this.#flush(this.#running);
    this.#frequencyHz = hz;
    this.#running.source.setFrequency(hz);
  }

  /** Delivers what was sampled until now, and resolves when that is done (or failed, and is counted). */
  async flushNow(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#drain(running);
    await this.#settle(running, NAME_WITHIN_MS);
    await this.#delivered();
    if (this.#running === running) this.#flush(running);
    await this.#delivered();
  }

  /** Since the start; after `stop` as it was then. */
  accounts(): ProfilerAccounts {
    if (!this.#running) return this.#lastAccounts;
    const { source, recording } = this.#running;
    const counters = source.counters();
    const lost = {
      ring_full: counters.lost,
      missed: counters.missed,
      malformed: counters.malformed,
      backlog: recording.refused,
      refused: this.#refused,
    };
    const { notWanted } = recording;
    return {
      samples: counters.samples - lost.malformed - lost.backlog - lost.refused - notWanted,
      idle: counters.idle,
      denied: counters.denied + counters.otherProcess + notWanted,
      lost,
    };
  }

  /** When no request is on its way. */
  async #delivered(): Promise<void> {
    while (this.#delivering) await this.#delivering;
  }

  #scheduleDrain(delayMs: number): void {
    this.#drainTimer?.cancel();
    this.#drainTimer = this.#telemetry.clock.timer(delayMs, () => this.#turn());
  }

  #scheduleFlush(afterMs = this.#settings.reporterIntervalMs): void {
    const jitter = 1 + this.#settings.reporterJitter * (Math.random() * 2 - 1);
    this.#flushTimer = this.#telemetry.clock.timer(afterMs * jitter, () => {
      void this.flushNow().finally(() => {
        if (this.#running) this.#scheduleFlush();
      });
    });
  }

  /** Takes what is in the ring and works on it for a while. */
  #turn(): void {
    if (!this.#running) return;
    this.#select(this.#running);
    const { taken, more } = this.#drain(this.#running);
    const isQuiet = taken === 0 && this.#running.selector === undefined;
    this.#drainIntervalMs = isQuiet ? Math.min(this.#drainIntervalMs * 2, MAX_DRAIN_INTERVAL_MS) : DRAIN_INTERVAL_MS;
    this.#scheduleDrain(more ? NEXT_TURN_MS : this.#drainIntervalMs);
  }

  /** Works on names until all that was taken has its own, or has none; or the time is over. */
  async #settle(running: Running, withinMs: number): Promise<void> {
    const { clock } = this.#telemetry;
    const deadlineMs = clock.monotonicMs() + withinMs;
    while (running.recording.isUnsettled && clock.monotonicMs() < deadlineMs && this.#running === running) {
      running.recording.work(clock.monotonicMs() + TURN_MS);
      await clock.sleep(NEXT_TURN_MS);
    }
  }

  /** Follows the cgroups and pods that the rules speak of. */
  #select({ selector }: Running): void {
    const nowMs = this.#telemetry.clock.monotonicMs();
    if (selector === undefined || nowMs - this.#selectedAtMs < SELECT_INTERVAL_MS) return;
    this.#selectedAtMs = nowMs;
    selector.update();
  }

  #drain({ source, recording }: Running): { readonly taken: number; readonly more: boolean } {
    const { clock } = this.#telemetry;
    const deadlineMs = clock.monotonicMs() + TURN_MS;
    let taken = 0;
    let batch: number;
    do {
      batch = source.drain((record) => recording.take(record), BATCH_RECORDS);
      taken += batch;
    } while (batch === BATCH_RECORDS && clock.monotonicMs() < deadlineMs && !recording.isBusy);
    const unfinished = recording.work(deadlineMs);
    return { taken, more: unfinished || batch === BATCH_RECORDS };
  }

  /**
   * Takes all that waits in the ring, however many turns that takes: at the end nobody comes back for the rest. Where
   * sampling goes on meanwhile, it takes so long at the most as a ring's samples take on a machine that is very busy.
   */
  async #drainAll(running: Running): Promise<void> {
    const { clock } = this.#telemetry;
    const deadlineMs = clock.monotonicMs() + DRAIN_WITHIN_MS;
    while (this.#drain(running).taken > 0 && clock.monotonicMs() < deadlineMs) await immediately();
  }

  /** What was lost since the last request. */
  #lostSince(running: Running): Record<string, number> {
    const { lost } = this.accounts();
    const before = running.toldLost;
    running.toldLost = lost;
    running.metrics.dropped.backlog.add(lost.backlog - before.backlog);
    return Object.fromEntries(LOSSES.map((reason) => [reason, lost[reason] - before[reason]]));
  }

  /** Hands over a request, unless the last one is still on its way: then samples wait. */
  #flush(running: Running): void {
    const { source, recording, metrics, unixClock } = running;
    source.followCpus();
    metrics.follow(source.counters());
    if (this.#delivering) return;
    const startedMs = this.#telemetry.clock.monotonicMs();
    const endNs = Number(this.#parts.monotonicNs());
    const built = recording.build({
      startNs: running.windowStartNs,
      endNs,
      unixOffsetNs: unixClock.offsetNs(),
      frequencyHz: this.#frequencyHz,
      values: this.#settings.values,
      lost: this.#lostSince(running),
    });
    running.windowStartNs = endNs;
    recording.endFlush();
    void recording.kernel.load();
    if (!built) return;
    metrics.built(built);
    metrics.filesUnreadable(recording.files.problems);
    metrics.unwound(recording.complete.counts);
    metrics.buildSeconds.record((this.#telemetry.clock.monotonicMs() - startedMs) / 1000);
    const { samples } = built;
    this.#delivering = this.#deliver(built.request, samples).then(
      () => {
        this.#delivering = undefined;
      },
      (error: unknown) => {
        this.#delivering = undefined;
        this.#refused += samples;
        metrics.dropped.refused.add(samples);
        this.#telemetry.logger.warn("profiles were refused", { samples, error });
      },
    );
  }
}

/** What exists between start and stop. */
interface Running {
  readonly source: SampleSource;
  /** Where only some are to be sampled. */
  readonly selector: CgroupSelector | undefined;
  readonly processes: ProcessTable;
  readonly recording: Recording;
  readonly metrics: ProfileMetrics;
  readonly unixClock: UnixClock;
  /** CLOCK_MONOTONIC at the end of the last request. */
  windowStartNs: number;
  /** What was lost until then. */
  toldLost: ProfilerAccounts["lost"];
}

function openRunning(settings: ProfilerSettings, telemetry: Telemetry, parts: ProfilerParts): Running {
  const source = parts.openSource(settings, telemetry);
  const tree = parts.cgroups(telemetry);
  const { rules, directory } = settings.filter;
  const selector =
    rules &&
    new CgroupSelector({ rules, tree, selection: source.selection, telemetry, ...(directory && { directory }) });
  selector?.start();
  const processes = new ProcessTable({
    telemetry,
    tree,
    serviceNames: settings.serviceNames,
    onForgotten: (process) => recording.forget(process),
  });
  const walks = new ProcessWalks(source);
  const recording = new Recording(settings, {
    processes,
    host: settings.hostAttributes ? hostAttributes() : [],
    admits: (place) => selector?.admits(place) ?? true,
    walks,
    openKernelList: parts.openKernelList,
    clock: telemetry.clock,
  });
  const metrics = new ProfileMetrics(telemetry.metrics, {
    stacks: () => recording.stackCount,
    locations: () => recording.dictionary.locationCount,
    files: () => recording.files.size,
    nameBytes: () => recording.files.memoryBytes + recording.kernel.memoryBytes,
    unnamed: () => recording.queue.length,
    kernelBytes: () => source.kernelMemoryBytes,
    unwindBytes: () => recording.complete.memoryBytes,
    namesRefused: () => recording.queue.refused,
    symbolsLeftOut: () => recording.queue.symbolsLeftOut,
    walksRefused: () => walks.refused,
  });
  return {
    source,
    selector,
    processes,
    recording,
    metrics,
    unixClock: new UnixClock(telemetry.clock, parts.monotonicNs),
    windowStartNs: Number(parts.monotonicNs()),
    toldLost: NOTHING_LOST,
  };
}

function ringBytesFor(frequencyHz: number): number {
  const cpus = availableParallelism();
  const forRate = Math.min(cpus * frequencyHz * RING_BYTES_A_HERTZ, MAX_RING_BYTES_FOR_RATE);
  return Math.max(MIN_RING_BYTES, cpus * MIN_RING_BYTES_A_CPU, forRate);
}
