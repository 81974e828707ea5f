import { loadTranscoder, type Payload, type Signal, type Transcoder } from "#otlp";
import { type Component, type ComponentContext, type Consumer, SENT, Sender } from "#collector";
import { Reader, WireType } from "#wire";
import type { DebugExporterConfig, OutputPath } from "./config.ts";
import { describeBriefly, describeInDetail } from "./describe-request.ts";
import { Sampler } from "./sampler.ts";
import { type WhyUnnamed, whyUnnamed } from "./unnamed.ts";

/** What a request is called, as upstream does, and how its parts are. */
const WORDS: Readonly<Record<Signal, { readonly title: string; readonly resources: string; readonly items: string }>> =
  {
    traces: { title: "Traces", resources: "resource spans", items: "spans" },
    metrics: { title: "Metrics", resources: "resource metrics", items: "data points" },
    logs: { title: "Logs", resources: "resource logs", items: "log records" },
    profiles: { title: "Profiles", resources: "resource profiles", items: "samples" },
  };

/** Writes to a stream of the process; replaced in tests. */
export type Write = (path: OutputPath, text: string) => void;

/** Tells of requests, in as much detail as was asked for. Never fails a request. */
export class DebugExporter implements Component, Consumer {
  readonly #context: ComponentContext;
  readonly #config: DebugExporterConfig;
  readonly #sampler: Sampler;
  readonly #sender: Sender;
  readonly #write: Write;
  readonly #resources = new Reader();
  /** What telling everything takes; undefined where that isn't asked for. */
  #detailed: { readonly transcoder: Transcoder; readonly whyUnnamed: WhyUnnamed } | undefined;

  constructor(context: ComponentContext, config: DebugExporterConfig, write: Write = writeToProcess) {
    this.#context = context;
    this.#config = config;
    this.#write = write;
    this.#sampler = new Sampler(config.samplingInitial, config.samplingThereafter);
    // Nothing can fail or wait here; the sender counts.
    this.#sender = new Sender(context, { timeoutMs: 0, queue: undefined, retry: undefined }, async (payload) => {
      this.#tell(payload);
      return SENT;
    });
  }

  async start(): Promise<void> {
    if (this.#config.verbosity !== "detailed") return;
    this.#detailed = { transcoder: await loadTranscoder(), whyUnnamed: await whyUnnamed(this.#context) };
  }

  consume(payload: Payload): Promise<void> {
    return this.#sender.consume(payload);
  }

  shutdown(deadline: AbortSignal): Promise<void> {
    return this.#sender.shutdown(deadline);
  }

  #tell(payload: Payload): void {
    const { telemetry } = this.#context;
    if (!this.#sampler.take(telemetry.clock.monotonicMs())) return;
    const { title, resources, items } = WORDS[payload.signal];
    const counts = { [resources]: this.#countResources(payload.bytes), [items]: payload.items };
    const text = this.#describe(payload);
    if (this.#config.useInternalLogger) {
      telemetry.logger.info(title, counts);
      if (text !== "") telemetry.logger.info(text);
      return;
    }
    const summary = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
    const shown = `${title}: ${summary.join(", ")}\n${text === "" ? "" : `${text}\n`}`;
    for (const path of this.#config.outputPaths) this.#write(path, shown);
  }

  #describe(payload: Payload): string {
    if (this.#config.verbosity === "basic") return "";
    if (this.#detailed === undefined) return describeBriefly(payload);
    const { transcoder, whyUnnamed: why } = this.#detailed;
    return describeInDetail(payload, transcoder, (attributes) => why(attributes, payload));
  }

  #countResources(bytes: Uint8Array): number {
    let count = 0;
    this.#resources.reset(bytes, 0, bytes.length);
    while (this.#resources.next()) {
      if (this.#resources.field === 1 && this.#resources.wireType === WireType.LEN) count++;
    }
    return count;
  }
}

function writeToProcess(path: OutputPath, text: string): void {
  process[path].write(text);
}
