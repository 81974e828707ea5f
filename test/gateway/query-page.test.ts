/** The examples of docs/query.md, asked of a podflame as its users run it, with the store on disk behind them. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { hasProgram } from "../has-program.ts";
import { pageOf, ROOT, rowsOf, Podflame } from "../cli/podflame.ts";

const PAGE = readFileSync(join(ROOT, "docs/query.md"), "utf8");
/** All commands of the page's blocks; a block may hold several. */
const commands = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
  block!.split(/\n(?=curl )/).map((command) => command.trim()),
);

describe.skipIf(!hasProgram("curl", "--version"))("examples of docs/query.md", () => {
  let folder: string;
  let process: Podflame;
  let page: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "podflame-query-"));
    const ports = ["--listen", "127.0.0.1:0", "--otlp", "127.0.0.1:0"];
    process = new Podflame(["up", "--replay", ...ports, "--data", join(folder, "data")], { isShared: true });
    page = await pageOf(process);
    await vi.waitFor(async () => expect((await rowsOf(page)).length).toBeGreaterThan(8), { timeout: 20_000 });
  });

  afterAll(async () => {
    process.kill("SIGKILL");
    await process.ended;
    await rm(folder, { recursive: true });
  });

  test("are there", () => {
    expect(commands.length).toBeGreaterThan(15);
  });

  test.each(commands)("%s", async (command) => {
    const own = command.replaceAll("http://127.0.0.1:4040/", page).replace(/^curl /, "curl --fail-with-body ");
    const { stdout } = await promisify(execFile)("bash", ["-c", own], { cwd: folder, maxBuffer: 64 << 20 });
    if (command.includes(" -o ")) return;
    expect(stdout).not.toBe("");
    if (!command.includes("format=folded")) expect(JSON.parse(stdout)).not.toHaveProperty("error");
  });
});
