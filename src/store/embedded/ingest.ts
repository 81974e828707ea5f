import type { ProfileRecord, ProfilesModel, Samples, ScopeRecord } from "#otlp";
import type { AppendReceipt } from "../profile-store.ts";
import { attributeTexts } from "../series/index.ts";
import type { Head } from "./head.ts";
import type { Names } from "./names-files.ts";
import type { Readers } from "./read-request.ts";
import { RequestColumns } from "./request-columns.ts";
import { RequestStacks, TOO_DEEP } from "./request-stacks.ts";
import type { KnownSeries, SeriesIndex } from "./series-index.ts";
import { NO_ROOM } from "./text-table.ts";

/** Which times are believed. */
export interface TimeLimits {
  /** Milliseconds before the request came. */
  readonly oldest: number;
  /** Milliseconds after it. */
  readonly newest: number;
  /** Hours of data that one head may be spread over: each becomes a block. */
  readonly hours: number;
}

const HOUR_MS = 3_600_000;

/** Takes requests apart: samples into the head, stacks and frames into their tables, resources into series. */
export class Ingest {
  readonly #names: () => Names;
  readonly #series: SeriesIndex;
  readonly #readers: Readers;
  readonly #times: TimeLimits;
  readonly #columns = new RequestColumns();

  /** @param names asked for with each request: they may be others then */
  constructor(names: () => Names, series: SeriesIndex, readers: Readers, times: TimeLimits) {
    this.#names = names;
    this.#series = series;
    this.#readers = readers;
    this.#times = times;
  }

  /** @param receivedAt milliseconds; for samples without a time, and to judge those that have one */
  add(model: ProfilesModel, receivedAt: number, head: Head): AppendReceipt {
    const { stacks, frames } = this.#names();
    const request = new RequestIngest(
      model,
      receivedAt,
      head,
      this.#series,
      new RequestStacks(model.dictionary, stacks, frames, this.#readers, this.#columns),
      this.#readers,
      this.#times,
    );
    return request.run();
  }
}

/** A profile whose series is known, with the process of its resource. */
interface KnownProfile {
  readonly profile: ProfileRecord;
  readonly series: KnownSeries;
  readonly process: number;
}

/** One request on its way into the head. */
class RequestIngest {
  readonly #model: ProfilesModel;
  readonly #receivedAt: number;
  readonly #head: Head;
  readonly #index: SeriesIndex;
  readonly #stacks: RequestStacks;
  readonly #readers: Readers;
  readonly #times: TimeLimits;
  readonly #rejected = new Map<string, number>();
  readonly #links: Int32Array;
  readonly #profiles: KnownProfile[] = [];
  #samples = 0;

  constructor(
    model: ProfilesModel,
    receivedAt: number,
    head: Head,
    index: SeriesIndex,
    stacks: RequestStacks,
    readers: Readers,
    times: TimeLimits,
  ) {
    this.#model = model;
    this.#receivedAt = receivedAt;
    this.#head = head;
    this.#index = index;
    this.#stacks = stacks;
    this.#readers = readers;
    this.#times = times;
    this.#links = new Int32Array(model.dictionary.links.length).fill(-1);
  }

  run(): AppendReceipt {
    this.#reject("malformed_profiles", this.#model.lostProfiles);
    const { strings } = this.#model.dictionary;
    for (const { resource, scopes } of this.#model.resources) {
      const attributes = this.#readers.decodeKeyValues(resource, 1, strings);
      for (const scope of scopes) this.#scope(scope, attributes);
    }
    this.#stacks.lookUp();
    for (const known of this.#profiles) this.#profile(known);
    return { samples: this.#samples, rejected: this.#rejected };
  }

  #scope(scope: ScopeRecord, ofResource: ReturnType<Readers["decodeKeyValues"]>): void {
    const { strings } = this.#model.dictionary;
    const attributes = attributeTexts(ofResource, this.#readers.decodeKeyValues(scope.scope, 3, strings));
    const process = this.#stacks.processFrame(attributes.get("process.executable.name") ?? "");
    for (const profile of scope.profiles) {
      this.#reject("malformed", profile.lostSamples);
      const series = this.#seriesOf(profile, scope.profiles, attributes);
      if (series) this.#want(profile, series, process);
      else this.#reject("series_limit", profile.samples.length);
    }
  }

  /** Notes a profile, and what its samples need, which is looked up for all profiles together. */
  #want(profile: ProfileRecord, series: KnownSeries, process: number): void {
    const { samples } = profile;
    for (let sample = 0; sample < samples.length; sample++) {
      this.#stacks.want(samples.stack[sample]!, this.#processOf(samples, sample, process));
    }
    this.#profiles.push({ profile, series, process });
  }

  #processOf({ attributes, attributeOffsets }: Samples, sample: number, ofResource: number): number {
    return this.#stacks.processOf(attributes, attributeOffsets[sample]!, attributeOffsets[sample + 1]!, ofResource);
  }

  #seriesOf(
    profile: ProfileRecord,
    siblings: readonly ProfileRecord[],
    attributes: ReadonlyMap<string, string>,
  ): KnownSeries | undefined {
    const { strings } = this.#model.dictionary;
    const type = profile.types[0]!;
    const { periodType } = profile;
    // pprof files of Go have the same samples twice, counted and measured; each is then a type of its own.
    const measured =
      type.type !== periodType.type &&
      siblings.some(({ types }) => types[0]!.type === periodType.type && types[0]!.unit === periodType.unit);
    return this.#index.of(
      {
        sampleType: strings.text(type.type),
        sampleUnit: strings.text(type.unit),
        periodType: strings.text(periodType.type),
        periodUnit: strings.text(periodType.unit),
        period: Number(profile.period),
        measured,
      },
      attributes,
      profile.samples.timestamps.length > 0
        ? milliseconds(halves(profile.samples.timestamps), 0)
        : this.#timeOf(profile),
    );
  }

  #timeOf({ timeUnixNano }: ProfileRecord): number {
    return timeUnixNano > 0n ? Number(timeUnixNano / 1000n) / 1000 : this.#receivedAt;
  }

  #profile({ profile, series, process: ofResource }: KnownProfile): void {
    const { samples } = profile;
    const { stack, link, valueOffsets, timestampOffsets } = samples;
    const values = halves(samples.values);
    const stamps = halves(samples.timestamps);
    const profileTime = this.#timeOf(profile);
    if (!series.isSum) this.#snapshot(series, profileTime);
    let earliest = Infinity;
    let latest = -Infinity;
    for (let sample = 0; sample < samples.length; sample++) {
      const process = this.#processOf(samples, sample, ofResource);
      const leaf = this.#stacks.leafOf(stack[sample]!, process);
      if (leaf <= 0) {
        this.#reject(leaf === TOO_DEEP ? "too_deep" : leaf === NO_ROOM ? "frames_limit" : "stacks_limit", 1);
        continue;
      }
      const top = this.#stacks.outermost(leaf, process);
      const linked = link[sample] === 0 ? 0 : this.#link(link[sample]!);
      const firstValue = valueOffsets[sample]!;
      const firstStamp = timestampOffsets[sample]!;
      const valueCount = valueOffsets[sample + 1]! - firstValue;
      const stampCount = timestampOffsets[sample + 1]! - firstStamp;
      // What values and timestamps mean together: see `meaningOf` of #otlp, of which this is the fast form.
      const single = valueCount === 1 ? int64(values, firstValue) : 0;
      const isCount =
        valueCount === 0 || (valueCount === 1 && stampCount > 1 && (single === 1 || single === stampCount));
      const paired = isCount || valueCount === stampCount;
      if (!paired || stampCount === 0) {
        let total = 0;
        for (let at = 0; at < valueCount; at++) total += int64(values, firstValue + at);
        const time = stampCount === 0 ? profileTime : milliseconds(stamps, firstStamp);
        if (this.#add(series.number, leaf, top, linked, time, total)) {
          earliest = Math.min(earliest, time);
          latest = Math.max(latest, time);
        }
        continue;
      }
      for (let at = 0; at < stampCount; at++) {
        const time = milliseconds(stamps, firstStamp + at);
        const value = isCount ? 1 : int64(values, firstValue + at);
        if (!this.#add(series.number, leaf, top, linked, time, value)) continue;
        if (time < earliest) earliest = time;
        if (time > latest) latest = time;
      }
    }
    if (latest >= earliest) this.#index.seen(series.number, earliest, latest);
  }

  #add(series: number, leaf: number, top: number, link: number, time: number, value: number): boolean {
    if (!this.#isBelievable(time)) return false;
    this.#head.add(series, leaf, top, link, time, value);
    this.#samples++;
    return true;
  }

  #snapshot(series: KnownSeries, time: number): void {
    if (!this.#isBelievable(time)) return;
    this.#head.addSnapshot(series.number, time);
    this.#index.seen(series.number, time, time);
  }

  #isBelievable(time: number): boolean {
    const { oldest, newest, hours } = this.#times;
    const age = this.#receivedAt - time;
    if (age <= oldest && age >= -newest) {
      const known = this.#head.hours;
      if (known.size < hours || known.has(Math.floor(time / HOUR_MS))) return true;
      return this.#refuse("too_many_hours");
    }
    return this.#refuse(age > 0 ? "too_old" : "in_the_future");
  }

  #refuse(reason: string): false {
    this.#reject(reason, 1);
    return false;
  }

  #link(index: number): number {
    let known = this.#links[index]!;
    if (known < 0) {
      const { traceIds, spanIds } = this.#model.dictionary.links;
      const trace = hexOf(traceIds.bytes(index));
      const span = hexOf(spanIds.bytes(index));
      known = trace === "" && span === "" ? 0 : this.#head.link(trace, span);
      this.#links[index] = known;
    }
    return known;
  }

  #reject(reason: string, count: number): void {
    if (count > 0) this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + count);
  }
}

/** The halves of 64-bit numbers: low ones at even positions. Reading them makes no bigints. */
function halves(column: BigInt64Array | BigUint64Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length * 2);
}

function int64(words: Int32Array, at: number): number {
  return words[at * 2 + 1]! * 0x100000000 + (words[at * 2]! >>> 0);
}

/** Nanoseconds as milliseconds, whole microseconds. In doubles, but exact: 2^32 ns are 4,294,967 µs and 296 ns. */
function milliseconds(words: Int32Array, at: number): number {
  const high = words[at * 2 + 1]! >>> 0;
  const rest = high * 296 + (words[at * 2]! >>> 0);
  return (high * 4_294_967 + Math.floor(rest / 1000)) / 1000;
}

function hexOf(bytes: Uint8Array): string {
  return bytes.every((byte) => byte === 0)
    ? ""
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
