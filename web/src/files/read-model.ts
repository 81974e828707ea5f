import type { ProfilesModel } from "#otlp";
import {
  Frames,
  profilesOf,
  resourceAttributes,
  sampleTypeName,
  sampleTypes,
  sampleValue,
  subjectOf,
} from "../../../src/formats/plain.ts";
import { FrameTable, type FrameText, MAX_STACK_FRAMES, StackTableBuilder } from "../flame/index.ts";
import { FileProblem, type FileProfile, type Report, type SampleTypeText } from "./file-profile.ts";
import { tooLarge } from "./read-folded.ts";

/** Samples between two reports of progress. */
const REPORT_EVERY = 1 << 12;

/**
 * The stacks of the models of a file's requests. Where they are of several resources (containers, processes), each is
 * the outermost frame of its stacks, as otherwise nobody could tell them apart.
 */
export function readModels(
  models: readonly ProfilesModel[],
  format: string,
  wanted: number | undefined,
  report: Report,
): FileProfile | FileProblem {
  const types = allSampleTypes(models);
  if (types.length === 0) return new FileProblem("the file holds no profile", "look what it is: podflame inspect FILE");
  const sampleType = Math.min(Math.max(0, wanted ?? 0), types.length - 1);
  const { type, unit } = types[sampleType]!;
  const reader = new ModelReader(models, types[sampleType]!, report);
  for (const model of models) if (!reader.add(model)) return tooLarge();
  if (reader.builder.length === 0) {
    return new FileProblem(`the file holds no sample of ${type} that counts anything`, "choose another sample type");
  }
  const { from, to, ignored } = reader;
  return {
    format,
    sampleTypes: types,
    sampleType,
    stacks: reader.builder.finish(),
    frames: FrameTable.of(reader.frames),
    coveredMs: unit === "nanoseconds" && /cpu/i.test(type) && to > from ? (to - from) / 1e6 : undefined,
    ignored,
  };
}

function allSampleTypes(models: readonly ProfilesModel[]): SampleTypeText[] {
  const found = new Map<string, SampleTypeText>();
  for (const one of models.flatMap((model) => sampleTypes(model))) found.set(`${one.type}\n${one.unit}`, one);
  return [...found.values()];
}

/** Gathers the samples of one type from models, each of which has frames of its own. */
class ModelReader {
  readonly builder = new StackTableBuilder();
  readonly frames: FrameText[] = [];
  ignored = 0;
  /** Nanoseconds of the epoch. */
  from = Infinity;
  to = -Infinity;
  readonly #type: SampleTypeText;
  readonly #report: Report;
  readonly #whole: number;
  readonly #grouped: boolean;
  readonly #numbers = new Map<string, number>();
  #done = 0;

  constructor(models: readonly ProfilesModel[], type: SampleTypeText, report: Report) {
    this.#type = type;
    this.#report = report;
    this.#whole = models.reduce((sum, model) => sum + samplesIn(model), 0);
    const subjects = new Set(models.flatMap((model) => model.resources.map((one) => subject(one, model))));
    this.#grouped = subjects.size > 1 || models.some(({ resources }) => resources.length > 1);
  }

  /** False where there are too many frames. */
  add(model: ProfilesModel): boolean {
    const frames = new Frames(model.dictionary);
    // Of its frames by their number in the model, which are few more with each sample.
    const numbers: number[] = [];
    const push = (frame: number): void => this.builder.push((numbers[frame] ??= this.#number(frames.list[frame]!)));
    for (const { resource, profile } of profilesOf(model)) {
      this.ignored += profile.lostSamples;
      const at = profile.types.findIndex((one) => {
        const name = sampleTypeName(model, one);
        return name.type === this.#type.type && name.unit === this.#type.unit;
      });
      if (at < 0) continue;
      const group = this.#grouped ? frames.group(subject(resource, model)) : undefined;
      if (profile.durationNano > 0n) {
        this.from = Math.min(this.from, Number(profile.timeUnixNano));
        this.to = Math.max(this.to, Number(profile.timeUnixNano + profile.durationNano));
      }
      for (let sample = 0; sample < profile.samples.length; sample++) {
        if (++this.#done % REPORT_EVERY === 0) this.#report(this.#done / this.#whole);
        const value = Number(sampleValue(profile, sample, at));
        if (!(value > 0)) {
          this.ignored++;
          continue;
        }
        if (group !== undefined) push(group);
        for (const frame of frames.ofStack(profile.samples.stack[sample]!)) push(frame);
        this.builder.close(value);
        if (this.builder.frameCount > MAX_STACK_FRAMES) return false;
      }
    }
    return true;
  }

  #number(frame: FrameText): number {
    const { name, file, line, type, mapping } = frame;
    const key = [name, file, line, type, mapping].join("\n");
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, (number = this.frames.push(frame) - 1));
    return number;
  }
}

function subject({ resource }: ProfilesModel["resources"][number], { dictionary }: ProfilesModel): string {
  return subjectOf(resourceAttributes(resource, dictionary.strings));
}

function samplesIn(model: ProfilesModel): number {
  let count = 0;
  for (const { profile } of profilesOf(model)) count += profile.samples.length;
  return count;
}
