import { decodeResources, loadProfiles, type Payload, type Profiles } from "#otlp";
import type { Timer } from "#telemetry";
import type { Component, ComponentContext, Consumer } from "#collector";
import type { LiveTableConfig } from "./config.ts";
import { ownerOf } from "./owner.ts";
import { activityOf } from "./profile-activity.ts";
import { Rates } from "./rates.ts";
import { renderTable } from "./render.ts";

/** Where tables are drawn. */
export interface Screen {
  /** Redraw in place; otherwise each table follows the last. */
  readonly inPlace: boolean;
  readonly columns: number | undefined;
  /** Lines that are seen at a time; undefined where all are. */
  readonly rows: number | undefined;
  write(text: string): void;
}

/** Titles, the row for all others, an empty line, the sums, and the line that the cursor is left on. */
const LINES_AROUND_ROWS = 5;

/** The process's standard output; its size is asked for with each table, for windows change. */
const standardOutput: Screen = {
  get inPlace() {
    return process.stdout.isTTY;
  },
  get columns() {
    return process.stdout.isTTY ? process.stdout.columns : undefined;
  },
  get rows() {
    return process.stdout.isTTY ? process.stdout.rows : undefined;
  },
  write: (text) => void process.stdout.write(text),
};

/**
 * Counts samples and other items per pod, container and process, and shows the busiest every interval: how much CPU they
 * use and in which function. Delivers nothing anywhere.
 */
export class LiveTableExporter implements Component, Consumer {
  readonly #context: ComponentContext;
  readonly #config: LiveTableConfig;
  readonly #screen: Screen;
  readonly #rates = new Rates();
  #unit: "samples" | "items" = "samples";
  #profiles: Profiles | undefined;
  #drawnLines = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(context: ComponentContext, config: LiveTableConfig, screen: Screen = standardOutput) {
    this.#context = context;
    this.#config = config;
    this.#screen = screen;
  }

  async start(): Promise<void> {
    this.#schedule();
  }

  async shutdown(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
  }

  async consume(payload: Payload): Promise<void> {
    if (payload.signal === "profiles") {
      this.#profiles ??= await loadProfiles();
      for (const { attributes, activity } of activityOf(payload, this.#profiles)) {
        this.#rates.add(ownerOf(attributes), activity);
      }
      return;
    }
    this.#unit = "items";
    for (const { attributes, items } of decodeResources(payload)) {
      this.#rates.add(ownerOf(attributes), { items, cpuNanos: 0 });
    }
  }

  #schedule(): void {
    this.#timer = this.#context.telemetry.clock.timer(this.#config.intervalMs, () => {
      this.#draw();
      this.#schedule();
    });
  }

  #draw(): void {
    const { inPlace, columns, rows = Infinity } = this.#screen;
    const rates = this.#rates.endInterval(this.#config.intervalMs);
    // Nobody wants an empty table every two seconds in a file.
    if (rates.length === 0 && !inPlace) return;
    // What scrolled out of sight can't be drawn over.
    const maxRows = Math.max(1, Math.min(this.#config.maxRows, rows - LINES_AROUND_ROWS));
    const lines = renderTable(rates, { maxRows, columns, unit: this.#unit });
    // Up over the last table, and clear from there to the end of the screen (ECMA-48 CUU, ED).
    const back = inPlace && this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A\x1b[0J` : "";
    this.#screen.write(`${back}${lines.join("\n")}\n${inPlace ? "" : "\n"}`);
    this.#drawnLines = lines.length;
  }
}
