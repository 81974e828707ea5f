import { Writer } from "#wire";
import { VERSION } from "#telemetry";
import type { Dictionary } from "./dictionary.ts";
import { DictionaryWriter } from "./dictionary-writer.ts";
import { FLAWS } from "./flaws.ts";
import type { ResourceTable } from "./resource-table.ts";
import { SampleGroups, type SampleSubjects } from "./sample-groups.ts";
import { SampleKind, type SampleLog } from "./sample-log.ts";

/** Field numbers of profiles.proto and profiles_service.proto 1.10. */
const Request = { RESOURCE_PROFILES: 1, DICTIONARY: 2 } as const;
const ResourceProfiles = { RESOURCE: 1, SCOPE_PROFILES: 2, SCHEMA_URL: 3 } as const;
const ScopeProfiles = { SCOPE: 1, PROFILES: 2 } as const;
const Profile = {
  SAMPLE_TYPE: 1,
  SAMPLES: 2,
  TIME: 3,
  DURATION: 4,
  PERIOD_TYPE: 5,
  PERIOD: 6,
  ATTRIBUTES: 11,
} as const;
const Sample = { STACK: 1, ATTRIBUTES: 2, VALUES: 4, TIMESTAMPS: 5 } as const;

const SCOPE_NAME = "podflame";
const SCHEMA_URL = "https://opentelemetry.io/schemas/1.37.0";
const NS_PER_S = 1_000_000_000;
const HIGH = 2 ** 32;

/** The time that a request covers, and what all its profiles say. */
export interface RequestWindow {
  /** CLOCK_MONOTONIC when the last request ended. */
  readonly startNs: number;
  readonly endNs: number;
  /** Unix time minus CLOCK_MONOTONIC. */
  readonly unixOffsetNs: bigint;
  readonly frequencyHz: number;
  readonly values: "timestamps" | "merged";
  /** Samples of the whole machine that were lost in this time, by reason; those with 0 are not told. */
  readonly lost: Readonly<Record<string, number>>;
}

export interface BuiltRequest {
  /** Newly allocated. */
  readonly request: Uint8Array;
  /** Samples in it. */
  readonly samples: number;
  /** Of these, those with each of `FLAWS`. */
  readonly flawed: readonly number[];
}

/**
 * Builds requests in the newest layout (opentelemetry-proto 1.10, 1.11) from samples: groups them by resource, kind, stack
 * and attributes, and writes what they refer to. Memory is kept from request to request.
 */
export class RequestBuilder {
  readonly #dictionary: Dictionary;
  readonly #resources: ResourceTable;
  readonly #tables: DictionaryWriter;
  readonly #writer = new Writer(64 * 1024);
  readonly #groups = new SampleGroups();

  constructor(dictionary: Dictionary, resources: ResourceTable) {
    this.#dictionary = dictionary;
    this.#resources = resources;
    this.#tables = new DictionaryWriter(dictionary);
  }

  build(log: SampleLog, subjects: SampleSubjects, window: RequestWindow): BuiltRequest {
    const writer = this.#writer;
    const groups = this.#groups;
    writer.reset();
    // Left over from a request that failed, numbers would refer to entries that may be gone.
    this.#tables.clear();
    groups.gather(log, subjects, this.#resources.size);
    const start = new UnixStart(log, window);
    const flawed = FLAWS.map(() => 0);
    for (let resource = 0; resource < this.#resources.size; resource++) {
      if (groups.firstOf(resource) < 0) continue;
      writer.open(Request.RESOURCE_PROFILES);
      writer.open(ResourceProfiles.RESOURCE);
      this.#resources.write(writer, resource);
      writer.close();
      writer.open(ResourceProfiles.SCOPE_PROFILES);
      writer.open(ScopeProfiles.SCOPE);
      writer.string(1, SCOPE_NAME);
      writer.string(2, VERSION);
      writer.close();
      for (const kind of [SampleKind.OnCpu, SampleKind.OffCpu]) {
        if (groups.has(resource, kind)) this.#writeProfile(log, resource, kind, window, start, flawed);
      }
      writer.close();
      writer.string(ResourceProfiles.SCHEMA_URL, SCHEMA_URL);
      writer.close();
    }
    writer.open(Request.DICTIONARY);
    this.#tables.write(writer);
    writer.close();
    this.#tables.clear();
    return { request: writer.finish(), samples: groups.samples, flawed };
  }

  #writeProfile(
    log: SampleLog,
    resource: number,
    kind: number,
    window: RequestWindow,
    start: UnixStart,
    flawed: number[],
  ): void {
    const writer = this.#writer;
    const groups = this.#groups;
    const onCpu = kind === SampleKind.OnCpu;
    writer.open(ScopeProfiles.PROFILES);
    this.#writeType(Profile.SAMPLE_TYPE, onCpu ? "samples" : "off_cpu", onCpu ? "count" : "nanoseconds");
    for (let group = groups.firstOf(resource); group >= 0; group = groups.next(group)) {
      if (groups.kind(group) === kind) this.#writeSample(log, group, onCpu, window, start);
    }
    writer.tag(Profile.TIME, 1);
    writer.rawFixed64Halves(start.low, start.high);
    writer.varint(Profile.DURATION, start.durationNs);
    if (onCpu) {
      this.#writeType(Profile.PERIOD_TYPE, "cpu", "nanoseconds");
      writer.varint(Profile.PERIOD, Math.round(NS_PER_S / window.frequencyHz));
    }
    for (let flaw = 0; flaw < FLAWS.length; flaw++) flawed[flaw]! += groups.flawed(resource, kind, flaw);
    this.#tables.writeAttributeIndexes(writer, Profile.ATTRIBUTES, this.#profileAttributes(resource, kind, window));
    writer.close();
  }

  /** What the profile lacks, and what the machine lost. */
  #profileAttributes(resource: number, kind: number, { lost }: RequestWindow): number {
    const dictionary = this.#dictionary;
    let list = 0;
    const tell = (key: string, count: number): void => {
      if (count > 0) list = dictionary.attributeList(dictionary.integerAttribute(key, count), list);
    };
    for (const [reason, count] of Object.entries(lost)) tell(`podflame.node.samples.lost.${reason}`, count);
    for (const [flaw, name] of FLAWS.entries()) {
      tell(`podflame.samples.${name}`, this.#groups.flawed(resource, kind, flaw));
    }
    return list;
  }

  #writeType(field: number, type: string, unit: string): void {
    const writer = this.#writer;
    const { strings } = this.#tables;
    writer.open(field);
    writer.varint(1, strings.use(this.#dictionary.string(type)));
    writer.varint(2, strings.use(this.#dictionary.string(unit)));
    writer.close();
  }

  #writeSample(log: SampleLog, group: number, onCpu: boolean, window: RequestWindow, start: UnixStart): void {
    const writer = this.#writer;
    const groups = this.#groups;
    writer.open(Profile.SAMPLES);
    writer.varint(Sample.STACK, this.#tables.stacks.use(groups.stack(group)));
    this.#tables.writeAttributeIndexes(writer, Sample.ATTRIBUTES, groups.attributes(group));
    if (window.values === "merged") {
      writer.open(Sample.VALUES);
      writer.rawVarint(onCpu ? groups.count(group) : groups.sum(group));
      writer.close();
    } else {
      if (!onCpu) {
        writer.open(Sample.VALUES);
        for (let at = groups.firstSample(group); at >= 0; at = groups.nextSample(at)) writer.rawVarint(log.values[at]!);
        writer.close();
      }
      writer.open(Sample.TIMESTAMPS);
      for (let at = groups.firstSample(group); at >= 0; at = groups.nextSample(at)) {
        start.writeTime(writer, log.times[at]!);
      }
      writer.close();
    }
    writer.close();
  }
}

/** The window in Unix time, wide enough for all samples: from the oldest up to, but without, its end. */
class UnixStart {
  readonly low: number;
  readonly high: number;
  readonly durationNs: number;
  readonly #offsetLow: number;
  readonly #offsetHigh: number;

  constructor(log: SampleLog, { startNs, endNs, unixOffsetNs }: RequestWindow) {
    let first = startNs;
    let last = endNs - 1;
    for (let at = 0; at < log.length; at++) {
      const time = log.times[at]!;
      if (time < first) first = time;
      if (time > last) last = time;
    }
    this.durationNs = last + 1 - first;
    this.#offsetLow = Number(BigInt.asUintN(32, unixOffsetNs));
    this.#offsetHigh = Number(BigInt.asUintN(32, unixOffsetNs >> 32n));
    this.low = (this.#offsetLow + (first >>> 0)) >>> 0;
    this.high = this.#highOf(first);
  }

  /** Writes a monotonic time as Unix time. */
  writeTime(writer: Writer, timeNs: number): void {
    writer.rawFixed64Halves((this.#offsetLow + (timeNs >>> 0)) >>> 0, this.#highOf(timeNs));
  }

  #highOf(timeNs: number): number {
    const carry = this.#offsetLow + (timeNs >>> 0) >= HIGH ? 1 : 0;
    return (this.#offsetHigh + Math.floor(timeNs / HIGH) + carry) >>> 0;
  }
}
