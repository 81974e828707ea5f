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
import { FrameTable, MAX_STACK_FRAMES, StackTableBuilder } from "../flame/index.ts";
import { FileProblem, type FileProfile, type Report } from "./file-profile.ts";
import { tooLarge } from "./read-folded.ts";

/** Samples between two reports of progress. */
const REPORT_EVERY = 1 << 12;

/**
 * The stacks of a profiles model. Where it is of several resources (containers, processes), each is the outermost frame
 * of its stacks, as otherwise nobody could tell them apart.
 */
export function readModel(
  model: ProfilesModel,
  format: string,
  wanted: number | undefined,
  report: Report,
): FileProfile | FileProblem {
  const types = sampleTypes(model);
  if (types.length === 0) return new FileProblem("the file holds no profile", "look what it is: podflame inspect FILE");
  const sampleType = Math.min(Math.max(0, wanted ?? 0), types.length - 1);
  const { type, unit } = types[sampleType]!;
  const frames = new Frames(model.dictionary);
  const builder = new StackTableBuilder();
  const grouped = model.resources.length > 1;
  let ignored = 0;
  let from = Infinity;
  let to = -Infinity;
  let done = 0;
  const all = [...profilesOf(model)];
  const whole = all.reduce((sum, { profile }) => sum + profile.samples.length, 0);
  for (const { resource, profile } of all) {
    ignored += profile.lostSamples;
    const group = grouped
      ? [frames.group(subjectOf(resourceAttributes(resource.resource, model.dictionary.strings)))]
      : [];
    const at = profile.types.findIndex((one) => {
      const name = sampleTypeName(model, one);
      return name.type === type && name.unit === unit;
    });
    if (at < 0) continue;
    if (profile.durationNano > 0n) {
      from = Math.min(from, Number(profile.timeUnixNano));
      to = Math.max(to, Number(profile.timeUnixNano + profile.durationNano));
    }
    for (let sample = 0; sample < profile.samples.length; sample++) {
      if (++done % REPORT_EVERY === 0) report(done / whole);
      const value = Number(sampleValue(profile, sample, at));
      if (!(value > 0)) {
        ignored++;
        continue;
      }
      for (const frame of group) builder.push(frame);
      for (const frame of frames.ofStack(profile.samples.stack[sample]!)) builder.push(frame);
      builder.close(value);
      if (builder.frameCount > MAX_STACK_FRAMES) return tooLarge();
    }
  }
  if (builder.length === 0) {
    return new FileProblem(`the file holds no sample of ${type} that counts anything`, "choose another sample type");
  }
  return {
    format,
    sampleTypes: types,
    sampleType,
    stacks: builder.finish(),
    frames: FrameTable.of(frames.list),
    coveredMs: unit === "nanoseconds" && /cpu/i.test(type) && to > from ? (to - from) / 1e6 : undefined,
    ignored,
  };
}
