import { decodeResources, type DecodedResource, type Payload } from "#otlp";
import type { Timer } from "#telemetry";
import type { Component, ComponentContext, Consumer } from "#collector";
import type { LiveTableConfig } from "./config.ts";
import { Rates, type Owner } from "./rates.ts";
import { renderTable } from "./render.ts";

/** Where tables are drawn. */
export interface Screen {
  /** Redraw in place; otherwise each table follows the last. */
  readonly inPlace: boolean;
  readonly columns: number | undefined;
  write(text: string): void;
}

/** The process's standard output; its size is asked for with each table, for windows change. */
const standardOutput: Screen = {
  get inPlace() {
    return process.stdout.isTTY;
  },
  get columns() {
    return process.stdout.isTTY ? process.stdout.columns : undefined;
  },
  write: (text) => void process.stdout.write(text),
};

/** Counts samples and other items per pod and container, and shows the busiest every interval. Delivers nothing anywhere. */
export class LiveTableExporter implements Component, Consumer {
  readonly #context: ComponentContext;
  readonly #config: LiveTableConfig;
  readonly #screen: Screen;
  readonly #rates = new Rates();
  #unit: "samples" | "items" = "samples";
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
    if (payload.signal !== "profiles") this.#unit = "items";
    for (const resource of decodeResources(payload)) this.#rates.add(ownerOf(resource), resource.occurrences);
  }

  #schedule(): void {
    this.#timer = this.#context.telemetry.clock.timer(this.#config.intervalMs, () => {
      this.#draw();
      this.#schedule();
    });
  }

  #draw(): void {
    const { inPlace, columns } = this.#screen;
    const rates = this.#rates.endInterval(this.#config.intervalMs);
    // Nobody wants an empty table every two seconds in a file.
    if (rates.length === 0 && !inPlace) return;
    const lines = renderTable(rates, { maxRows: this.#config.maxRows, columns, unit: this.#unit });
    // Up over the last table, and clear from there to the end of the screen (ECMA-48 CUU, ED).
    const back = inPlace && this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A\x1b[0J` : "";
    this.#screen.write(`${back}${lines.join("\n")}\n${inPlace ? "" : "\n"}`);
    this.#drawnLines = lines.length;
  }
}

/** A container that nobody named goes by its id, and a process by its executable. */
function ownerOf({ attributes }: DecodedResource): Owner {
  const text = (key: string): string => {
    const value = attributes.get(key);
    return typeof value === "string" ? value : "";
  };
  return {
    namespace: text("k8s.namespace.name"),
    pod: text("k8s.pod.name"),
    container: text("k8s.container.name") || text("container.id").slice(0, 12),
    service: text("service.name") || text("process.executable.name"),
  };
}
