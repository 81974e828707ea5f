import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder that podflame is installed in: presets and recorded data stand there. */
export const ROOT = folderOfPackage(import.meta.dirname);

/** Searched for, because bundled code stands in another folder than its sources. */
function folderOfPackage(folder: string): string {
  return existsSync(join(folder, "package.json")) ? folder : folderOfPackage(dirname(folder));
}

const PRESETS = join(ROOT, "presets");

/** The file of a preset, if `word` names one. */
export function presetFile(word: string): string | undefined {
  const file = join(PRESETS, `${word}.yaml`);
  return /^[a-z]+$/.test(word) && existsSync(file) ? file : undefined;
}

/** The word itself if it is a file, else the preset of that name, else the word: `env:` and the like. */
export function presetOrSource(word: string): string {
  return existsSync(word) ? word : (presetFile(word) ?? word);
}

/** The names of all presets. */
export function presetNames(): string[] {
  return readdirSync(PRESETS)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .sort();
}
