import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServedApi, serve } from "./http/serve.ts";
import { type DemoApi, demoApi } from "./testing/demo-api.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/query.md"), "utf8");
/** Commands of all blocks, which begin with curl. */
const commands = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
  block!.split(/\n(?=curl )/).map((command) => command.trim()),
);

let api: DemoApi;
let served: ServedApi;
let folder: string;

beforeAll(async () => {
  api = await demoApi();
  served = await serve(api.app, { host: "127.0.0.1", port: 0 });
  folder = await mkdtemp(join(tmpdir(), "podflame-docs-"));
});

afterAll(async () => {
  await served.close();
  await api.store.close();
  await rm(folder, { recursive: true });
});

describe("docs/query.md", () => {
  test("has examples of curl only", () => {
    expect(commands.length).toBeGreaterThan(15);
    expect(commands.filter((command) => !command.startsWith("curl "))).toEqual([]);
  });

  test.for(commands)("%s", async (command) => {
    const url = served.url.slice(0, -1);
    const own = command.replaceAll("http://127.0.0.1:4040", url).replace(/^curl /, "curl --fail-with-body ");
    const { stdout } = await promisify(execFile)("bash", ["-c", own], { cwd: folder, maxBuffer: 64 << 20 });
    if (command.includes(" -o ")) return;
    expect(stdout).not.toBe("");
    if (!command.includes("format=folded")) expect(JSON.parse(stdout)).not.toHaveProperty("error");
    expect(stdout).not.toMatch(/"nodes":\{"frame":\[-1\],/);
    expect(stdout).not.toContain('"rows":[]');
  });
});
