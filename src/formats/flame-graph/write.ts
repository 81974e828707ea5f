import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import type { ProfilesModel } from "#otlp";
import { resourceAttributes } from "../attributes.ts";
import type { SampleTypeName, WriteOptions } from "../format.ts";
import { Frames } from "../frames.ts";
import { chooseSampleType, sampleTypes } from "../sample-types.ts";
import { profilesOf } from "../sample-values.ts";
import { subjectOf } from "../subject.ts";
import { weightedStacks } from "../weighted-stacks.ts";
import { CallTreeBuilder } from "./call-tree.ts";

/** More cannot be told apart on any screen; the file would have more than 10 MB. */
const MAX_NODES = 200_000;

/**
 * Writes a flame graph as one HTML file that asks nobody for anything: script, style and data are inside, and its
 * Content-Security-Policy allows nothing else. Shows all sample types, or the one asked for; samples that count nothing,
 * or less, are left out. Frames beyond 200,000 are left out from the smallest up, which the page says.
 */
export function writeFlameGraph(model: ProfilesModel, options: WriteOptions = {}): Uint8Array {
  const frames = new Frames(model.dictionary);
  const wanted = chooseSampleType(model, options.sampleType);
  const types = options.sampleType === undefined ? sampleTypes(model) : wanted ? [wanted] : [];
  const tree = new CallTreeBuilder(types.length);
  types.forEach((type, at) => addType(tree, model, frames, type, at, options.groupBy));
  const title = options.title ?? titleOf(model);
  const data = {
    title,
    window: windowOf(model),
    types,
    frames: frames.list.map(({ name, file, line, mapping, type, inlined }) => [
      name,
      file,
      line,
      mapping,
      type,
      inlined ? 1 : 0,
    ]),
    ...tree.finish((frame) => frames.list[frame]!.name, MAX_NODES),
  };
  return Buffer.from(page(title, JSON.stringify(data)));
}

function addType(
  tree: CallTreeBuilder,
  model: ProfilesModel,
  frames: Frames,
  type: SampleTypeName,
  at: number,
  groupBy: readonly string[] | undefined,
): void {
  for (const { groups, stack, value } of weightedStacks(model, type, frames, groupBy)) {
    if (value > 0n) tree.add([...groups, ...frames.ofStack(stack)], at, Number(value));
  }
}

/** The resource where there is one, else how many. */
function titleOf(model: ProfilesModel): string {
  const names = new Set<string>();
  for (const { resource } of model.resources) {
    const name = subjectOf(resourceAttributes(resource, model.dictionary.strings));
    if (name !== "") names.add(name);
  }
  const [first] = names;
  if (names.size > 1) return `${names.size} programs`;
  return first ?? "Flame graph";
}

/** Start and end of what was profiled in epoch milliseconds, as far as it is told. */
function windowOf(model: ProfilesModel): readonly [number, number] | undefined {
  let start = Infinity;
  let end = 0;
  for (const { profile } of profilesOf(model)) {
    if (profile.timeUnixNano <= 0n) continue;
    start = Math.min(start, Number(profile.timeUnixNano) / 1e6);
    end = Math.max(end, Number(profile.timeUnixNano + profile.durationNano) / 1e6);
  }
  return end > 0 ? [start, end] : undefined;
}

function page(title: string, json: string): string {
  const script = asset("page.js");
  const style = asset("page.css");
  const policy = `default-src 'none'; script-src '${hash(script)}'; style-src '${hash(style)}'; base-uri 'none'; form-action 'none'`;
  const parts: Readonly<Record<string, string>> = {
    policy,
    title: escapeText(title),
    style: `<style>${style}</style>`,
    data: escapeJson(json),
    script: `<script type="module">${script}</script>`,
  };
  // In one go, so that nothing in one part is taken for the place of another.
  return asset("page.html").replace(/\s*\{\{(\w+)\}\}\s*/g, (_, name: string) => parts[name] ?? "");
}

/** How a Content-Security-Policy names an inline script or style. */
function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

/** JSON that cannot end the script element it is in, nor open a comment there. */
export function escapeJson(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function escapeText(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** The page's parts lie beside this source; a bundle in `dist` finds them in the sources that it was made of. */
function asset(name: string): string {
  const beside = new URL(`./${name}`, import.meta.url);
  return readFileSync(
    existsSync(beside) ? beside : new URL(`../src/formats/flame-graph/${name}`, import.meta.url),
    "utf8",
  );
}
