import type { AttributeValue, ProfilesModel } from "#otlp";
import { attributeKey, attributeValue, resourceAttributes, valueText } from "./attributes.ts";
import { Key } from "./conventions.ts";
import { CATEGORIES, FirefoxLibs, FirefoxTables } from "./firefox-tables.ts";
import type { WriteOptions } from "./format.ts";
import { Frames } from "./frames.ts";
import { chooseSampleType, sampleTypeName } from "./sample-types.ts";
import { profilesOf } from "./sample-values.ts";
import { subjectOf } from "./subject.ts";
import { timedSamples } from "./timed-samples.ts";

/** Format versions that the tables follow; the front end upgrades older ones than its own. */
const GECKO_VERSION = 29;
const PROCESSED_VERSION = 48;

/** What `samples.weight` counts, by unit of the sample type, and what to multiply values with. */
const WEIGHTS: Readonly<Record<string, readonly [string, number]>> = {
  nanoseconds: ["tracing-ms", 1e-6],
  microseconds: ["tracing-ms", 1e-3],
  milliseconds: ["tracing-ms", 1],
  seconds: ["tracing-ms", 1e3],
  bytes: ["bytes", 1],
};

/**
 * Writes the Firefox Profiler's processed JSON (version 48) for one sample type: a process for each resource, in it a
 * thread for each `thread.name` and `thread.id`. Samples without timestamps stand one after the other, an interval
 * apart. Other types, labels and addresses have no place.
 */
export function writeFirefox(model: ProfilesModel, options: WriteOptions = {}): Uint8Array {
  const wanted = chooseSampleType(model, options.sampleType);
  const libs = new FirefoxLibs();
  const threads = new Map<string, FirefoxThread>();
  const starts: bigint[] = [];
  const pids = new Pids(model);
  const frames = new Frames(model.dictionary);
  let interval = 1;
  for (const { resource, profile } of profilesOf(model)) {
    const type = profile.types.findIndex((one) => {
      const name = sampleTypeName(model, one);
      return name.type === wanted?.type && name.unit === wanted.unit;
    });
    if (type < 0) continue;
    if (profile.timeUnixNano > 0n) starts.push(profile.timeUnixNano);
    if (model.dictionary.strings.text(profile.periodType.unit) === "nanoseconds" && profile.period > 0n) {
      interval = Number(profile.period) / 1e6;
    }
    const process = pids.of(model.resources.indexOf(resource));
    for (const moment of timedSamples(profile, type)) {
      if (moment.weight === 0) continue;
      if (moment.at !== undefined && moment.at > 0n) starts.push(moment.at);
      const { attributes, attributeOffsets } = profile.samples;
      const from = attributeOffsets[moment.sample]!;
      const name = threadOf(model, attributes.subarray(from, attributeOffsets[moment.sample + 1]));
      const key = JSON.stringify([process.pid, name]);
      let thread = threads.get(key);
      if (!thread) threads.set(key, (thread = new FirefoxThread(process, name, new FirefoxTables(frames, libs))));
      thread.add(moment.at, moment.stack, moment.weight);
    }
  }
  const start = starts.reduce((least, at) => (at < least ? at : least), starts[0] ?? 0n);
  const weights = WEIGHTS[wanted?.unit ?? ""] ?? ["samples", 1];
  const profile = {
    meta: metaOf(options.title ?? "podflame", interval, Number(start) / 1e6),
    libs: libs.list,
    pages: [],
    threads: [...threads.values()].map((thread, at) => thread.toJson(at, start, interval, weights)),
  };
  return Buffer.from(JSON.stringify(profile));
}

function metaOf(product: string, interval: number, startTime: number): object {
  return {
    version: GECKO_VERSION,
    preprocessedProfileVersion: PROCESSED_VERSION,
    product,
    importedFrom: "podflame",
    interval,
    startTime,
    processType: 0,
    stackwalk: 1,
    abi: "",
    misc: "",
    oscpu: "",
    platform: "",
    toolkit: "",
    extensions: { id: [], name: [], baseURL: [], length: 0 },
    categories: CATEGORIES,
    markerSchema: [],
    symbolicated: true,
    usesOnlyOneStackType: true,
    doesNotUseFrameImplementation: true,
    sourceCodeIsNotOnSearchfox: true,
  };
}

interface Process {
  readonly pid: string;
  readonly name: string;
}

interface ThreadName {
  readonly name: string;
  readonly id: string;
}

/** A pid for each resource: its own where no other resource (on another node) has the same. */
class Pids {
  readonly #model: ProfilesModel;
  readonly #known = new Map<number, Process>();
  readonly #taken = new Set<string>();

  constructor(model: ProfilesModel) {
    this.#model = model;
  }

  of(resource: number): Process {
    let process = this.#known.get(resource);
    if (!process) {
      const record = this.#model.resources[resource]!;
      const attributes: ReadonlyMap<string, AttributeValue> = resourceAttributes(
        record.resource,
        this.#model.dictionary.strings,
      );
      const own = valueText(attributes.get(Key.PROCESS_PID)) || String(resource);
      let pid = own;
      for (let next = 1; this.#taken.has(pid); next++) pid = `${own}.${next}`;
      this.#taken.add(pid);
      process = { pid, name: subjectOf(attributes) || "process" };
      this.#known.set(resource, process);
    }
    return process;
  }
}

function threadOf({ dictionary }: ProfilesModel, attributes: Int32Array): ThreadName {
  let name = "";
  let id = "";
  for (const index of attributes) {
    const key = attributeKey(dictionary, index);
    if (key === Key.THREAD_NAME) name ||= valueText(attributeValue(dictionary, index));
    else if (key === Key.THREAD_ID) id ||= valueText(attributeValue(dictionary, index));
  }
  return { name, id };
}

/** A thread while its samples are collected. */
class FirefoxThread {
  readonly #process: Process;
  readonly #name: ThreadName;
  readonly #tables: FirefoxTables;
  readonly #samples: { at: bigint | undefined; stack: number | null; weight: number }[] = [];

  constructor(process: Process, name: ThreadName, tables: FirefoxTables) {
    this.#process = process;
    this.#name = name;
    this.#tables = tables;
  }

  add(at: bigint | undefined, stack: number, weight: number): void {
    this.#samples.push({ at, stack: this.#tables.stack(stack), weight });
  }

  /** @param position among all threads, which makes the thread's id distinct */
  toJson(position: number, start: bigint, interval: number, [weightType, factor]: readonly [string, number]): object {
    const timed = this.#samples.every(({ at }) => at !== undefined);
    const samples = timed ? this.#samples.sort((a, b) => (a.at! < b.at! ? -1 : a.at! > b.at! ? 1 : 0)) : this.#samples;
    const times = samples.map(({ at }, index) => (timed ? Number(at! - start) / 1e6 : index * interval));
    const { pid, name: processName } = this.#process;
    const { name, id } = this.#name;
    return {
      processType: "default",
      processName,
      processStartupTime: 0,
      processShutdownTime: null,
      registerTime: 0,
      unregisterTime: null,
      pausedRanges: [],
      name: name || processName,
      isMainThread: id === "" || id === pid,
      pid,
      tid: id === "" ? `${pid}/${position}` : `${id}/${position}`,
      showMarkersInTimeline: false,
      samples: {
        stack: samples.map(({ stack }) => stack),
        time: times,
        weight: samples.map(({ weight }) => weight * factor),
        weightType,
        length: samples.length,
      },
      markers: { data: [], name: [], startTime: [], endTime: [], phase: [], category: [], length: 0 },
      ...this.#tables.toJson(),
    };
  }
}
