/** The examples of docs/inspect-and-convert.md do what the page shows. UPDATE_GOLDEN=1 writes their output into it. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./podflame.ts";
import { vector } from "./vectors.ts";

const PAGE = join(ROOT, "docs/inspect-and-convert.md");
/** A block of commands with what they print. */
const BLOCK = /^```console\n(.*?)^```$/gms;

test("docs/inspect-and-convert.md shows what its examples print", async () => {
  const folder = await mkdtemp(join(tmpdir(), "podflame-page-"));
  try {
    await writeFile(join(folder, "checkout.otlp"), vector("d10/l1.collector.pb"));
    await writeFile(join(folder, "old.otlp"), vector("e/l1.collector.pb"));
    const page = await readFile(PAGE, "utf8");
    let whole = "";
    let end = 0;
    for (const block of page.matchAll(BLOCK)) {
      whole += page.slice(end, block.index);
      whole += "```console\n";
      for (const line of block[1]!.split("\n").filter((one) => one.startsWith("$ "))) {
        whole += `${line}\n${await printed(line.slice(2), folder)}`;
      }
      whole += "```";
      end = block.index + block[0].length;
    }
    whole += page.slice(end);
    expect(end).toBeGreaterThan(0);
    if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(PAGE, whole);
    else expect(page).toBe(whole);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Both streams of a command line, as a terminal shows them. */
function printed(command: string, folder: string): Promise<string> {
  const env = { ...process.env, PATH: `${join(ROOT, "bin")}:${process.env["PATH"]}`, LC_ALL: "C" };
  return new Promise((resolve) => {
    execFile("sh", ["-c", `exec 2>&1; ${command}`], { cwd: folder, env }, (_error, stdout) => resolve(stdout));
  });
}
