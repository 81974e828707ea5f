import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that podflame is installed in: presets and recorded data stand there. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const PRESETS = join(ROOT, "presets");

/** The file of a preset, if `word` names one. */
export function presetFile(word: string): string | undefined {
  const file = join(PRESETS, `${word}.yaml`);
  return /^[a-z]+$/.test(word) && existsSync(file) ? file : undefined;
}

/** The names of all presets. */
export function presetNames(): string[] {
  return readdirSync(PRESETS)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .sort();
}
