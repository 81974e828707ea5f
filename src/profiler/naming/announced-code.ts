import { OpenedFile, openInProcess } from "#linux";
import { PerfMap } from "#symbols";
import type { Clock } from "#telemetry";
import type { Process } from "../processes/index.ts";

/** Larger files are not read: 2 GB of names are nobody's. */
const MAX_MAP_BYTES = 2 ** 31;
/** A runtime that compiles announces all the time; one look a second is enough. */
const LOOK_INTERVAL_MS = 1000;
/** Where there was no map, there will hardly be one later. */
const ABSENT_INTERVAL_MS = 30_000;

/** Code that a runtime generated and announced in `/tmp/perf-PID.map`, as Java, .NET, Node or Julia do on request. */
export class AnnouncedCode {
  readonly #process: Process;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #map: PerfMap | undefined;
  #file: OpenedFile | undefined;
  #nextLookMs = -Infinity;

  constructor(process: Process, clock: Pick<Clock, "monotonicMs">) {
    this.#process = process;
    this.#clock = clock;
  }

  get memoryBytes(): number {
    return this.#map?.memoryBytes ?? 0;
  }

  /** Name of the function at an address; the map is read on if it doesn't know. */
  find(address: number): string | undefined {
    const found = this.#map?.find(address);
    if (found) return found.name;
    return this.#look() ? this.#map?.find(address)?.name : undefined;
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#map = undefined;
  }

  /** Reads what is new; false if it isn't time for that, or there is no map. */
  #look(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const { facts, pid } = this.#process;
    if (nowMs < this.#nextLookMs || !facts) return false;
    // Named by the pid that the process knows itself by, in its own file system.
    const opened = openInProcess(pid, `/tmp/perf-${facts.pidInNamespace}.map`, { maxBytes: MAX_MAP_BYTES });
    if (!(opened instanceof OpenedFile)) {
      this.#nextLookMs = nowMs + ABSENT_INTERVAL_MS;
      return false;
    }
    this.#nextLookMs = nowMs + LOOK_INTERVAL_MS;
    this.#map ??= new PerfMap();
    this.#map.refresh(opened);
    this.#file?.close();
    this.#file = opened;
    return true;
  }
}
