import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  ModelBuilder,
  type ProfilesModel,
  SamplesBuilder,
} from "#otlp";
import type { StoredFrame, TimeRange } from "#store";
import type { SeriesGroup } from "../questions/groups.ts";
import { combined, type SelectedStacks } from "../questions/stacks.ts";
import type { SelectedType } from "../questions/selection.ts";
import { attributeOfLabel } from "./attribute-names.ts";

/** How stacks become a model. */
export interface StackModelOptions {
  readonly type: SelectedType;
  /** What the samples cover. */
  readonly time: TimeRange;
  /**
   * Where the process goes: an attribute of a resource of its own, or the outermost frame for formats that have no
   * resources.
   */
  readonly process: "resource" | "frame";
  /** Groups become the outermost frames, each called by its values. */
  readonly groupFrames: boolean;
}

const FRAME_TYPE = "profile.frame.type";
const EXECUTABLE = "process.executable.name";

/** What a store summed up as profiles: a resource for each group (and process), one sample for each stack. */
export function stackModel(stacks: SelectedStacks, options: StackModelOptions): ProfilesModel {
  return new StackModel(stacks, options).build();
}

class StackModel {
  readonly #stacks: SelectedStacks;
  readonly #options: StackModelOptions;
  readonly #builder = new ModelBuilder();
  /** By frame of the store. */
  readonly #locations = new Map<number, number>();
  readonly #samples = new Map<string, { readonly attributes: Map<string, string>; readonly samples: SamplesBuilder }>();

  constructor(stacks: SelectedStacks, options: StackModelOptions) {
    this.#stacks = stacks;
    this.#options = options;
  }

  build(): ProfilesModel {
    const { groups } = this.#stacks;
    const entries = combined(this.#stacks);
    let carried = 0;
    for (let at = 0; at < entries.length; at++) {
      // Values of formats are whole; what is cut off goes to the next one.
      const exact = entries.value[at]! + carried;
      const value = Math.round(exact);
      carried = exact - value;
      if (value !== 0) this.#add(groups.list[entries.group[at]!]!, entries.node[at]!, value);
    }
    return this.#builder.finish(this.#resources());
  }

  #add(group: SeriesGroup, leaf: number, value: number): void {
    const { nodes, frames } = this.#stacks.sums;
    const locations: number[] = [];
    let process = "";
    for (let node = leaf; node !== 0; node = nodes.parent[node]!) {
      const frame = nodes.frame[node]!;
      if (nodes.parent[node] === 0 && frames.at(frame).type === "process") {
        process = frames.at(frame).name;
        if (this.#options.process === "resource") continue;
      }
      locations.push(this.#location(frame));
    }
    if (this.#options.groupFrames) locations.push(this.#groupLocation(group));
    const samples = this.#samplesOf(group, process);
    samples.add(this.#builder.stack(locations), [], 0, [BigInt(value)], []);
  }

  #samplesOf(group: SeriesGroup, process: string): SamplesBuilder {
    const ownProcess = this.#options.process === "resource" ? process : "";
    const key = [ownProcess, group.attribution, ...group.values].join("\n");
    let found = this.#samples.get(key);
    if (!found) {
      const attributes = new Map<string, string>();
      for (const [label, text] of group.labels) {
        const name = attributeOfLabel(label);
        if (name !== undefined) attributes.set(name, text);
      }
      if (ownProcess !== "") attributes.set(EXECUTABLE, ownProcess);
      found = { attributes, samples: new SamplesBuilder() };
      this.#samples.set(key, found);
    }
    return found.samples;
  }

  #resources() {
    const { type, time } = this.#options;
    const builder = this.#builder;
    const text = (name: string): number => builder.string(name);
    const { period } = type;
    const profile = {
      ...EMPTY_PROFILE,
      types: [{ type: text(type.id), unit: text(type.unit), temporality: 0 }],
      ...(period
        ? {
            periodType: { type: text(period.type), unit: text(period.unit), temporality: 0 },
            period: BigInt(Math.round(period.value)),
          }
        : {}),
      timeUnixNano: BigInt(Math.round(time.from)) * 1_000_000n,
      durationNano: BigInt(Math.round(time.to - time.from)) * 1_000_000n,
    };
    return [...this.#samples.values()].map(({ attributes, samples }) => ({
      ...EMPTY_RESOURCE,
      resource: encodeResource(attributes),
      scopes: [{ ...EMPTY_SCOPE, profiles: [{ ...profile, samples: samples.finish() }] }],
    }));
  }

  #location(frame: number): number {
    let location = this.#locations.get(frame);
    if (location === undefined) {
      location = this.#locationOf(this.#stacks.sums.frames.at(frame));
      this.#locations.set(frame, location);
    }
    return location;
  }

  #locationOf({ name, file, line, type, mapping, address }: StoredFrame): number {
    const builder = this.#builder;
    const text = (value: string): number => builder.string(value);
    const isMark = type === "truncated";
    const shown = isMark ? `[${name === "" ? "truncated" : name}]` : name;
    const shownType = isMark ? "abort-marker" : type;
    return builder.location({
      mapping: mapping === "" ? 0 : builder.mapping({ filename: text(mapping) }),
      address,
      lines:
        shown === ""
          ? []
          : [{ function: builder.function(text(shown), 0, text(file)), line: BigInt(Math.round(line)) }],
      attributes: shownType === "" ? [] : [builder.attribute(text(FRAME_TYPE), shownType)],
    });
  }

  #groupLocation({ values }: SeriesGroup): number {
    const name = values.map((value) => (value === "" ? "(none)" : value)).join(" / ");
    return this.#builder.location({ lines: [{ function: this.#builder.function(this.#builder.string(name)) }] });
  }
}
