import { ParseError } from "#wire";
import { decodeMessage, type DecodedMessage, type DecodedValue } from "./schema/decode.ts";
import { requestSchema } from "./schema/requests.ts";

/** One call stack of a profile with what was measured on it. */
export interface StackSummary {
  /** Names, leaf first, inlined calls as frames of their own; `file+0xaddress` where there is no name. */
  readonly frames: readonly string[];
  /** Sum of the values; a timestamp without a value counts 1. */
  readonly total: bigint;
}

/** A profile for people. */
export interface ProfileSummary {
  /** Positions of its resource in the request and of its scope in the resource. */
  readonly resource: number;
  readonly scope: number;
  /** What the totals are, e.g. `samples` in `count`; empty where not told. */
  readonly type: string;
  readonly unit: string;
  /** One sample is taken every `period` units, e.g. 50,000,000 of `cpu` in `nanoseconds`; 0 where not told. */
  readonly periodType: string;
  readonly periodUnit: string;
  readonly period: bigint;
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
  /** Hexadecimal; empty where there is none. */
  readonly profileId: string;
  /** Samples as sent. */
  readonly samples: number;
  readonly total: bigint;
  /** How many different stacks there are. */
  readonly stacks: number;
  /** Those with the largest totals, largest first. */
  readonly topStacks: readonly StackSummary[];
}

/**
 * Reads a profiles request in layout D10 (1.10, 1.11) into a summary of each profile, its stacks resolved to names.
 * Indexes that point nowhere show as `?`. For debug output: decodes the whole request.
 *
 * @param topStacks how many stacks of each profile are resolved
 */
export function summarizeProfiles(bytes: Uint8Array, topStacks = 5): readonly ProfileSummary[] | ParseError {
  const request = decodeMessage(requestSchema("profiles"), bytes, "native");
  if (request instanceof ParseError) return request;
  const names = new Names(messageOf(request["dictionary"]));
  const summaries: ProfileSummary[] = [];
  for (const [resource, inRequest] of messagesOf(request["resourceProfiles"]).entries()) {
    for (const [scope, inResource] of messagesOf(inRequest["scopeProfiles"]).entries()) {
      for (const profile of messagesOf(inResource["profiles"])) {
        summaries.push({ resource, scope, ...summarize(profile, names, topStacks) });
      }
    }
  }
  return summaries;
}

function summarize(profile: DecodedMessage, names: Names, top: number): Omit<ProfileSummary, "resource" | "scope"> {
  const samples = messagesOf(profile["samples"]);
  const totals = new Map<number, bigint>();
  let total = 0n;
  for (const sample of samples) {
    const value = totalOf(sample);
    const stack = intOf(sample["stackIndex"]);
    totals.set(stack, (totals.get(stack) ?? 0n) + value);
    total += value;
  }
  const largest = [...totals].sort(([, a], [, b]) => (a < b ? 1 : a > b ? -1 : 0)).slice(0, top);
  const type = messageOf(profile["sampleType"]);
  const periodType = messageOf(profile["periodType"]);
  const id = profile["profileId"];
  return {
    type: names.string(type["typeStrindex"]),
    unit: names.string(type["unitStrindex"]),
    periodType: names.string(periodType["typeStrindex"]),
    periodUnit: names.string(periodType["unitStrindex"]),
    period: bigintOf(profile["period"]),
    timeUnixNano: bigintOf(profile["timeUnixNano"]),
    durationNano: bigintOf(profile["durationNano"]),
    profileId: id instanceof Uint8Array ? Buffer.from(id).toString("hex") : "",
    samples: samples.length,
    total,
    stacks: totals.size,
    topStacks: largest.map(([stack, sum]) => ({ frames: names.frames(stack), total: sum })),
  };
}

function totalOf(sample: DecodedMessage): bigint {
  const values = listOf(sample["values"]);
  if (values.length === 0) return BigInt(listOf(sample["timestampsUnixNano"]).length);
  return values.reduce<bigint>((sum, value) => sum + bigintOf(value), 0n);
}

/** Looks names up in the tables of a dictionary. */
class Names {
  readonly #strings: readonly DecodedValue[];
  readonly #stacks: readonly DecodedMessage[];
  readonly #locations: readonly DecodedMessage[];
  readonly #functions: readonly DecodedMessage[];
  readonly #mappings: readonly DecodedMessage[];

  constructor(dictionary: DecodedMessage) {
    this.#strings = listOf(dictionary["stringTable"]);
    this.#stacks = messagesOf(dictionary["stackTable"]);
    this.#locations = messagesOf(dictionary["locationTable"]);
    this.#functions = messagesOf(dictionary["functionTable"]);
    this.#mappings = messagesOf(dictionary["mappingTable"]);
  }

  string(index: DecodedValue): string {
    const found = this.#strings[intOf(index)];
    return typeof found === "string" ? found : "";
  }

  frames(stack: number): readonly string[] {
    const locations = listOf(this.#stacks[stack]?.["locationIndices"]);
    return locations.flatMap((index) => this.#location(this.#locations[intOf(index)]));
  }

  #location(location: DecodedMessage | undefined): readonly string[] {
    if (!location) return ["?"];
    const lines = messagesOf(location["lines"]).map((line) => this.#function(line));
    return lines.length > 0 ? lines : [this.#address(location)];
  }

  #function(line: DecodedMessage): string {
    const found = this.#functions[intOf(line["functionIndex"])];
    if (!found) return "?";
    return this.string(found["nameStrindex"]) || this.string(found["systemNameStrindex"]) || "?";
  }

  #address(location: DecodedMessage): string {
    const address = `0x${bigintOf(location["address"]).toString(16)}`;
    const mapping = this.#mappings[intOf(location["mappingIndex"])];
    const file = mapping ? this.string(mapping["filenameStrindex"]) : "";
    return file === "" ? address : `${file.slice(file.lastIndexOf("/") + 1)}+${address}`;
  }
}

function listOf(value: DecodedValue): readonly DecodedValue[] {
  return Array.isArray(value) ? (value as readonly DecodedValue[]) : [];
}

function messagesOf(value: DecodedValue): readonly DecodedMessage[] {
  return listOf(value) as readonly DecodedMessage[];
}

function messageOf(value: DecodedValue): DecodedMessage {
  return (value as DecodedMessage | undefined) ?? {};
}

function intOf(value: DecodedValue): number {
  return typeof value === "number" ? value : 0;
}

function bigintOf(value: DecodedValue): bigint {
  return typeof value === "bigint" ? value : 0n;
}
