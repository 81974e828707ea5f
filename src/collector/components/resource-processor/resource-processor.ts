import {
  AttributeKeys,
  type AttributeValue,
  encodeAttribute,
  type Payload,
  ResourceEditor,
  type ResourceView,
} from "#otlp";
import type { Component, ComponentContext, Consumer } from "#collector";
import type { Counter } from "#telemetry";
import type { ResourceProcessorConfig } from "./config.ts";

/** A step with its keys as numbers. */
type Step =
  | { readonly action: "delete"; readonly key: number }
  | {
      readonly action: "insert" | "update" | "upsert";
      readonly key: number;
      readonly value: AttributeValue;
      /** The attribute of a constant value, encoded once. */
      readonly encoded: Uint8Array | undefined;
      /** The key that the value comes from, or -1. */
      readonly from: number;
    };

/** What the steps so far made of a key: as it came, gone, or another value. */
interface Draft {
  touched: boolean;
  present: boolean;
  value: AttributeValue;
  encoded: Uint8Array | undefined;
}

/** Runs the configured steps on every resource, by splicing: items are never decoded. */
export class ResourceProcessor implements Component, Consumer {
  readonly #next: Consumer;
  readonly #keys: AttributeKeys;
  readonly #editor: ResourceEditor;
  readonly #steps: readonly Step[];
  /** One a key, used again for each resource. */
  readonly #drafts: readonly Draft[];
  readonly #malformed: Counter;
  readonly #visit = (resource: ResourceView): void => this.#edit(resource);

  constructor(context: ComponentContext, config: ResourceProcessorConfig, next: Consumer) {
    this.#next = next;
    const names = new Set<string>();
    for (const step of config.actions) {
      names.add(step.key);
      if (step.action !== "delete" && "fromAttribute" in step.source) names.add(step.source.fromAttribute);
    }
    this.#keys = new AttributeKeys([...names]);
    this.#editor = new ResourceEditor(this.#keys, context.buffers);
    this.#drafts = this.#keys.keys.map(() => ({
      touched: false,
      present: false,
      value: undefined,
      encoded: undefined,
    }));
    this.#steps = config.actions.map((action): Step => {
      const key = this.#keys.keys.indexOf(action.key);
      if (action.action === "delete") return { action: "delete", key };
      if ("fromAttribute" in action.source) {
        const from = this.#keys.keys.indexOf(action.source.fromAttribute);
        return { action: action.action, key, from, value: undefined, encoded: undefined };
      }
      const { value } = action.source;
      return { action: action.action, key, from: -1, value, encoded: encodeAttribute(action.key, value) };
    });
    this.#malformed = context.telemetry.metrics.counter(
      "podflame_processor_malformed_resources",
      { help: "Resources that were passed on unchanged because their bytes are broken." },
      { processor: context.id.text },
    );
  }

  async start(): Promise<void> {}

  async shutdown(): Promise<void> {}

  async consume(payload: Payload): Promise<void> {
    const edited = this.#editor.edit(payload, this.#visit);
    if (this.#editor.malformed > 0) this.#malformed.add(this.#editor.malformed);
    if (edited === payload) return this.#next.consume(payload);
    try {
      await this.#next.consume(edited);
    } finally {
      edited.release();
    }
  }

  #edit(resource: ResourceView): void {
    for (let key = 0; key < this.#drafts.length; key++) {
      const draft = this.#drafts[key]!;
      draft.touched = false;
      draft.present = resource.present(key);
    }
    for (const step of this.#steps) this.#apply(step, resource);
    for (let key = 0; key < this.#drafts.length; key++) {
      const draft = this.#drafts[key]!;
      if (!draft.touched) continue;
      resource.remove(key);
      if (draft.present) resource.append(draft.encoded ?? encodeAttribute(this.#keys.keys[key]!, draft.value));
    }
  }

  #apply(step: Step, resource: ResourceView): void {
    const draft = this.#drafts[step.key]!;
    if (step.action === "delete") {
      draft.touched ||= draft.present;
      draft.present = false;
      return;
    }
    if (step.action === (draft.present ? "insert" : "update")) return;
    if (step.from >= 0) {
      const source = this.#drafts[step.from]!;
      if (!source.present) return;
      draft.value = source.touched ? source.value : resource.value(step.from);
    } else draft.value = step.value;
    draft.encoded = step.encoded;
    draft.touched = true;
    draft.present = true;
  }
}
