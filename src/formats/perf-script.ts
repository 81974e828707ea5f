import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  ModelBuilder,
  SamplesBuilder,
  type ProfilesModel,
} from "#otlp";
import { ParseError } from "#wire";
import { Key } from "./conventions.ts";
import type { ReadOptions } from "./format.ts";
import { inflate } from "./inflate.ts";
import { parsePerfFrame, parsePerfHeader, type PerfFrame, type PerfHeader } from "./perf-script-lines.ts";
import { linesOf } from "./text-lines.ts";

/** Deeper stacks are an error: the kernel records 127 frames unless told otherwise. */
const MAX_DEPTH = 1 << 16;
/** Processes times events, at most. */
const MAX_PROFILES = 1 << 16;
/** Addresses of the kernel have their top bit set, on all of Linux's 64-bit machines. */
const KERNEL_HALF = 1n << 63n;
/** Events whose period is nanoseconds on a CPU, with the modifiers that perf takes (`:u`: user space only). */
const CLOCKS = /^(?:cpu|task)-clock(?::|$)/;
/** How precise addresses have to be, which perf asks for by itself: says nothing about what is counted. */
const PRECISION = /(?<=:[a-zA-Z]*)[pP]/g;

/**
 * Reads what `perf script` prints. Each process is a resource (where pids are printed: `-F +pid`), each event a profile;
 * its period, else 1, is the value. The first clock among them is type `cpu` (`samples` where periods aren't printed), as
 * samplers call it everywhere; others keep the event's name, so that nothing counts twice. The thread's name and id and the CPU become attributes of the sample.
 *
 * perf's times count from the start of the machine. Where `--header` tells when the recording ended they become
 * timestamps of the day; else only their order and the duration are kept. Lines that are neither samples nor frames
 * (other records, fields of tracepoints) are passed over.
 */
export function readPerfScript(bytes: Uint8Array, options: ReadOptions = {}): ProfilesModel | ParseError {
  const plain = inflate(bytes, options.maxInflatedBytes);
  return plain instanceof ParseError ? plain : parsePerfScript(plain);
}

/** As `readPerfScript`, without compression: runs in a browser as well. */
export function parsePerfScript(plain: Uint8Array): ProfilesModel | ParseError {
  return new PerfScriptReader().read(plain);
}

interface EventProfile {
  readonly pid: bigint | undefined;
  readonly event: string;
  readonly hasPeriod: boolean;
  readonly samples: SamplesBuilder;
  /** Of each sample, in perf's clock. */
  readonly times: bigint[];
}

class PerfScriptReader {
  readonly #builder = new ModelBuilder();
  readonly #profiles = new Map<string, EventProfile>();
  readonly #locations = new Map<string, number>();
  readonly #attributes = new Map<string, number>();
  /** The event that is CPU time. */
  #clock: string | undefined;
  #header: PerfHeader | undefined;
  #frames: PerfFrame[] = [];
  /** Epoch nanoseconds at which the recording ended, from the header. */
  #captured: bigint | undefined;

  read(bytes: Uint8Array): ProfilesModel | ParseError {
    for (const { text, number } of linesOf(bytes)) {
      const problem = this.#line(text);
      if (problem) return problem.within(`line ${number}`);
    }
    const problem = this.#endSample();
    if (problem) return problem;
    if (this.#profiles.size === 0) return new ParseError("holds no sample of perf script");
    return this.#model();
  }

  #line(text: string): ParseError | undefined {
    if (text.startsWith("#")) {
      const captured = /^# captured on\s*:\s*(.{10,40})$/.exec(text)?.[1];
      const time = captured === undefined ? NaN : Date.parse(captured);
      if (!Number.isNaN(time)) this.#captured = BigInt(time) * 1_000_000n;
      return undefined;
    }
    if (text.trim() === "") return this.#endSample();
    const frame = this.#header && /^\s/.test(text) ? parsePerfFrame(text) : undefined;
    if (frame) {
      if (this.#frames.push(frame) > MAX_DEPTH) return new ParseError(`more than ${MAX_DEPTH} frames`);
      return undefined;
    }
    const header = parsePerfHeader(text);
    if (!header) return undefined;
    const problem = this.#endSample();
    this.#header = header;
    // Without call graphs the only frame stands on the same line.
    const only = header.rest.endsWith(")") ? parsePerfFrame(header.rest) : undefined;
    if (only) this.#frames.push(only);
    return problem;
  }

  #endSample(): ParseError | undefined {
    const header = this.#header;
    if (!header) return undefined;
    const key = `${header.pid ?? ""} ${header.period !== undefined ? 1 : 0} ${header.event}`;
    let profile = this.#profiles.get(key);
    if (!profile) {
      if (this.#profiles.size === MAX_PROFILES) return new ParseError(`more than ${MAX_PROFILES} processes and events`);
      const { pid, event } = header;
      if (CLOCKS.test(event)) this.#clock ??= event;
      profile = { pid, event, hasPeriod: header.period !== undefined, samples: new SamplesBuilder(), times: [] };
      this.#profiles.set(key, profile);
    }
    const attributes: number[] = [];
    if (header.comm !== "") attributes.push(this.#attribute(Key.THREAD_NAME, header.comm));
    attributes.push(this.#attribute(Key.THREAD_ID, header.tid));
    if (header.cpu !== undefined) attributes.push(this.#attribute(Key.CPU, header.cpu));
    const period = BigInt.asIntN(64, header.period ?? 1n);
    profile.samples.add(this.#builder.stack(this.#stack()), attributes, 0, [period], []);
    if (header.time !== undefined) profile.times.push(header.time);
    this.#header = undefined;
    this.#frames = [];
    return undefined;
  }

  /** Locations, leaf first. perf prints inlined calls ahead of the frame that they are in, the innermost first. */
  #stack(): number[] {
    const found: number[] = [];
    let inlined: PerfFrame[] = [];
    for (const frame of this.#frames) {
      if (frame.inlined) inlined.push(frame);
      else {
        found.push(this.#location([...inlined, frame]));
        inlined = [];
      }
    }
    if (inlined.length > 0) found.push(this.#location(inlined));
    return found;
  }

  #location(frames: readonly PerfFrame[]): number {
    const { address, dso } = frames.at(-1)!;
    const key = [address, dso, ...frames.map(({ symbol }) => symbol)].join("\n");
    let location = this.#locations.get(key);
    if (location === undefined) {
      const builder = this.#builder;
      const lines = frames
        .filter(({ symbol }) => symbol !== "")
        .map(({ symbol }) => ({ function: builder.function(builder.string(symbol)) }));
      const type = frameType(address, dso);
      location = builder.location({
        mapping: dso === "" ? 0 : builder.mapping({ filename: builder.string(dso) }),
        address,
        lines,
        attributes: type === undefined ? [] : [this.#attribute(Key.FRAME_TYPE, type)],
      });
      this.#locations.set(key, location);
    }
    return location;
  }

  #attribute(key: string, value: string | bigint): number {
    const id = `${key} ${value}`;
    let attribute = this.#attributes.get(id);
    if (attribute === undefined) {
      attribute = this.#builder.attribute(this.#builder.string(key), value);
      this.#attributes.set(id, attribute);
    }
    return attribute;
  }

  #model(): ProfilesModel {
    const all = [...this.#profiles.values()];
    const times = all.flatMap((profile) => [least(profile.times), greatest(profile.times)]).filter((at) => at >= 0n);
    const [start, end] = [least(times), greatest(times)];
    const offset = this.#captured === undefined || times.length === 0 ? undefined : this.#captured - end;
    const byPid = Map.groupBy(all, ({ pid }) => pid);
    const resources = [...byPid].map(([pid, profiles]) => ({
      ...EMPTY_RESOURCE,
      resource: pid === undefined ? EMPTY_RESOURCE.resource : encodeResource([[Key.PROCESS_PID, pid]]),
      scopes: [
        {
          ...EMPTY_SCOPE,
          profiles: profiles.map((profile) => ({
            ...EMPTY_PROFILE,
            types: [this.#type(profile)],
            timeUnixNano: offset === undefined ? 0n : start + offset,
            durationNano: times.length === 0 ? 0n : end - start + 1n,
            samples: stamped(profile, offset),
          })),
        },
      ],
    }));
    return this.#builder.finish(resources);
  }

  #type({ event, hasPeriod }: EventProfile): { type: number; unit: number; temporality: number } {
    const name =
      event === this.#clock ? (hasPeriod ? "cpu" : "samples") : event.replace(PRECISION, "").replace(/:$/, "");
    const unit = hasPeriod && CLOCKS.test(event) ? "nanoseconds" : "count";
    return { type: this.#builder.string(name), unit: this.#builder.string(unit), temporality: 0 };
  }
}

/** The samples, each with its time where all have one and the day is known. */
function stamped({ samples, times }: EventProfile, offset: bigint | undefined): ReturnType<SamplesBuilder["finish"]> {
  const finished = samples.finish();
  if (offset === undefined || times.length !== finished.length) return finished;
  return {
    ...finished,
    timestampOffsets: Int32Array.from({ length: times.length + 1 }, (_, at) => at),
    timestamps: BigUint64Array.from(times, (time) => time + offset),
  };
}

function frameType(address: bigint, dso: string): string | undefined {
  if (address >= KERNEL_HALF || dso.startsWith("[kernel")) return "kernel";
  // perf's own way to name compiled code: /tmp/perf-PID.map, or what jitdump leaves behind.
  return /(?:^|\/)(?:perf-\d+\.map|jitted-\d+-\d+\.so)$/.test(dso) ? "jit" : undefined;
}

/** -1 where there is none. */
function least(times: readonly bigint[]): bigint {
  return times.reduce((found, time) => (found < 0n || time < found ? time : found), -1n);
}

function greatest(times: readonly bigint[]): bigint {
  return times.reduce((found, time) => (time > found ? time : found), -1n);
}
