/** The examples of docs/profiling.md are commands that work, and its options those that exist. */
import { exec } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { canSample } from "../agent/harness/requirements.ts";
import { folderWith, podflame, ROOT } from "./podflame.ts";

const page = readFileSync(join(ROOT, "docs/profiling.md"), "utf8");
const examples = [...page.matchAll(/^sudo (podflame record .*)$/gm)].map((match) => match[1]!);

describe.skipIf(!canSample())("docs/profiling.md", () => {
  test.each(examples)("%s writes its file", async (example) => {
    const cwd = await folderWith({});
    // Not as long as the page says, but all the rest; a command decides by itself.
    const words = example.includes(" -- ") ? example : `${example} --duration 300ms`;
    const env = { ...process.env, PATH: `${join(ROOT, "bin")}:${process.env["PATH"]}` };
    await promisify(exec)(words, { cwd, env });
    expect(await readdir(cwd)).toEqual([/-o (\S+)/.exec(example)![1]]);
  });
});

test("docs/profiling.md has every option of podflame record", async () => {
  const { stdout } = await podflame(["record", "--help"]);
  const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map((match) => match[1]!);
  expect(options).toContain("--off-cpu");
  expect(options.filter((option) => !page.includes(option) && !["--output", "--help"].includes(option))).toEqual([]);
});
