import type { Telemetry } from "#telemetry";
import type { PodObject, ReflectorSink } from "../objects.ts";
import { PollTelemetry } from "./poll-telemetry.ts";

/** Two polls begin at least this far apart, whoever asks. */
const SPACING_MS = 1_000;
/** Where something changed for certain. A pod that starts is some four changes within a second. */
const CHANGE_SPACING_MS = 200;
/** A poll that takes longer has failed. */
const DEFAULT_TIMEOUT_MS = 10_000;
/** Longest pause after failures. */
const MAX_BACK_OFF_MS = 30_000;

export interface PodPollerSettings {
  /** Names the source in metrics, e.g. `kubelet`. */
  readonly source: string;
  /** Where it reads, for people. */
  readonly from: string;
  /** All pods that are there now, or undefined when nothing changed since the last time. Rejects when it can't tell. */
  readonly read: (signal: AbortSignal) => Promise<readonly PodObject[] | undefined>;
  readonly sink: ReflectorSink<PodObject>;
  readonly telemetry: Telemetry;
  /** Between the beginnings of two polls when nobody asks for more. */
  readonly intervalMs: number;
  /** The same while `isTold`; as `intervalMs` by default. */
  readonly toldIntervalMs?: number;
  readonly timeoutMs?: number;
  /** From 0 up to 1; Math.random by default. */
  readonly random?: () => number;
}

/** What a poller is up to. */
export interface PollState {
  readonly from: string;
  /** Whether a first poll went well. */
  readonly synced: boolean;
  /** The last failure, where the last poll failed. */
  readonly lastError: string | undefined;
}

/** A source that is asked again and again. */
export interface Polling {
  state(): PollState;
  /** Asks soon: a second after the last poll at the earliest. */
  refresh(): void;
  /** Resolves when nothing will reach the sink any more. */
  stop(): Promise<void>;
}

/**
 * Keeps a sink up to date with what `read` tells: each poll that goes well is a whole list, one that fails changes
 * nothing. Never gives up; pauses grow up to half a minute while it fails. Requests for fresh data that bring no pod and
 * no container double the pause until the next one is followed, up to the interval: those who ask for what this source
 * will never know (containers of another runtime) must not make it poll every second. Starts at once.
 *
 * Where what is read says by itself that it changed, `changed` has it read sooner, and while `isTold`, more seldom otherwise.
 */
export class PodPoller implements Polling {
  readonly #settings: PodPollerSettings;
  readonly #report: PollTelemetry;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #known: ReadonlySet<string> = new Set();
  #synced = false;
  #lastError: string | undefined;
  #asked = false;
  #changed = false;
  #isTold = false;
  #wake: (() => void) | undefined;

  constructor(settings: PodPollerSettings) {
    this.#settings = settings;
    this.#report = new PollTelemetry(settings.source, settings.telemetry);
    this.#ended = this.#run();
  }

  state(): PollState {
    return { from: this.#settings.from, synced: this.#synced, lastError: this.#lastError };
  }

  refresh(): void {
    this.#asked = true;
    this.#wake?.();
  }

  /** What is read is known to have changed: reads it at once, but 200 ms after the last poll at the earliest. */
  changed(): void {
    this.#changed = true;
    this.#wake?.();
  }

  /** Whether `changed` is called for every change. */
  set isTold(isTold: boolean) {
    this.#isTold = isTold;
    this.#wake?.();
  }

  stop(): Promise<void> {
    this.#stopping.abort(new Error("the poller is stopped"));
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { intervalMs, toldIntervalMs = intervalMs, telemetry, random = Math.random } = this.#settings;
    const { signal } = this.#stopping;
    let failures = 0;
    let fruitless = 0;
    while (!signal.aborted) {
      const began = telemetry.clock.monotonicMs();
      const wasAsked = this.#asked;
      this.#asked = false;
      this.#changed = false;
      const outcome = await this.#poll();
      if (signal.aborted) break;
      const spent = telemetry.clock.monotonicMs() - began;
      if (outcome === "failed") {
        const bound = Math.min(MAX_BACK_OFF_MS, SPACING_MS * 2 ** Math.min(failures++, 30));
        await this.#pause(Math.max(SPACING_MS - spent, bound * (0.5 + 0.5 * random())));
        continue;
      }
      failures = 0;
      if (outcome === "news") fruitless = 0;
      else if (wasAsked) fruitless++;
      const spacingMs = Math.min(Math.max(SPACING_MS, intervalMs), SPACING_MS * 2 ** Math.min(fruitless, 30));
      await this.#until(() => {
        const usualMs = this.#isTold ? toldIntervalMs : intervalMs;
        return began + (this.#changed ? CHANGE_SPACING_MS : this.#asked ? spacingMs : usualMs);
      });
    }
    this.#report.stopped();
  }

  async #poll(): Promise<"news" | "same" | "failed"> {
    const { read, sink, telemetry, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#settings;
    const late = new AbortController();
    const timer = telemetry.clock.timer(timeoutMs, () =>
      late.abort(Object.assign(new Error(`no whole answer within ${timeoutMs / 1000} s`), { code: "ETIMEDOUT" })),
    );
    try {
      const pods = await read(AbortSignal.any([this.#stopping.signal, late.signal]));
      if (this.#stopping.signal.aborted) return "same";
      late.signal.throwIfAborted();
      if (pods === undefined) {
        this.#wentWell(undefined);
        return "same";
      }
      sink.listing();
      for (const pod of pods) sink.upsert(pod);
      sink.listed();
      this.#wentWell(pods.length);
      const known = keysOf(pods);
      const isNews = [...known].some((key) => !this.#known.has(key));
      this.#known = known;
      return isNews ? "news" : "same";
    } catch (caught) {
      if (this.#stopping.signal.aborted) return "failed";
      // An abort shows up as a broken connection; its reason says more.
      const error = (late.signal.aborted ? late.signal.reason : caught) as Error;
      this.#lastError = error.message;
      this.#report.failed(error);
      return "failed";
    } finally {
      timer.cancel();
    }
  }

  #wentWell(pods: number | undefined): void {
    this.#synced = true;
    this.#lastError = undefined;
    this.#report.wentWell(pods);
  }

  async #pause(ms: number): Promise<void> {
    // Rejects only when stopped, and then the loop ends.
    if (ms > 0) await this.#settings.telemetry.clock.sleep(ms, this.#stopping.signal).catch(() => undefined);
  }

  /** Waits until it is due, which wishes may bring forward meanwhile. */
  async #until(dueMs: () => number): Promise<void> {
    const { clock } = this.#settings.telemetry;
    const { signal } = this.#stopping;
    for (;;) {
      const remainingMs = dueMs() - clock.monotonicMs();
      if (remainingMs <= 0 || signal.aborted) return;
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await clock.sleep(remainingMs, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
      this.#wake = undefined;
    }
  }
}

/** Pods and containers, by what they are asked for with. */
function keysOf(pods: readonly PodObject[]): Set<string> {
  const keys = new Set<string>();
  for (const pod of pods) {
    keys.add(pod.uid);
    for (const { containerId } of pod.containers) if (containerId !== "") keys.add(containerId);
  }
  return keys;
}
