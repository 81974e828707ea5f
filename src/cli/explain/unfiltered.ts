import type { Configuration } from "#collector";
import type { AttributeMap } from "#otlp";
import { type Explainer, type Explanation, k8sAttributesProcessor } from "../components.ts";
import { type PlacedProcessor, Workbench } from "./processors.ts";

/** For a list that the user may have no right to; who has it waits as long for the answer as for a page. */
const TIMEOUT_MS = 10_000;

/**
 * A processor as it would be without its filter: tells whether the filter is why something isn't named. Lists all pods at
 * the first question, and not at all where there is no filter or nobody asks.
 */
export class Unfiltered implements AsyncDisposable {
  readonly #processor: PlacedProcessor;
  readonly #configuration: Configuration;
  #open:
    Promise<{ readonly explainer: Explainer; readonly workbench: Workbench; readonly synced: boolean }> | undefined;

  constructor(processor: PlacedProcessor, configuration: Configuration) {
    this.#processor = processor;
    this.#configuration = configuration;
  }

  get hasFilter(): boolean {
    const { source } = this.#processor.config;
    return source?.kind === "api" && Object.keys(source.selection).length > 0;
  }

  /** The pod of a resource; undefined where there is none, or where it can't be known. */
  async podOf(attributes: AttributeMap, peerAddress = "", atMs?: number): Promise<Explanation["pod"]> {
    if (!this.hasFilter) return undefined;
    const { explainer } = await (this.#open ??= this.#start());
    return (await explainer.resource(attributes, peerAddress, atMs)).pod;
  }

  /** Whether all pods can be seen; undefined before anybody asked for one. */
  async seesAll(): Promise<boolean | undefined> {
    return (await this.#open)?.synced;
  }

  async #start(): Promise<{ explainer: Explainer; workbench: Workbench; synced: boolean }> {
    const { component, config, signal } = this.#processor;
    const { source } = config;
    if (source?.kind !== "api") throw new Error("only a filter for the API server can be left out");
    const { explainerOf } = await k8sAttributesProcessor();
    const workbench = new Workbench();
    await workbench.startIdentity(this.#configuration);
    const everybody = { ...config, waitForMetadataMs: undefined, source: { ...source, selection: {} } };
    const explainer = await explainerOf(workbench.context(component), everybody, signal);
    const result = await explainer.start(TIMEOUT_MS);
    return { explainer, workbench, synced: result?.synced === true };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = await this.#open?.catch(() => undefined);
    await open?.explainer.shutdown();
    await open?.workbench[Symbol.asyncDispose]();
  }
}
