import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePorts } from "../free-ports.ts";
import { answerOf, folderWith, pageOf, Podflame, podflame, rowsOf } from "./podflame.ts";

/** The recording, on ports and in a folder of its own. */
async function replaying(...args: readonly string[]): Promise<{ words: string[]; cwd: string }> {
  const cwd = await folderWith({});
  return {
    words: ["up", "--replay", "--listen", "127.0.0.1:0", "--otlp", "127.0.0.1:0", "--data", "data", ...args],
    cwd,
  };
}

describe("podflame up", () => {
  test("shows the recording on a page within seconds, by namespace, workload and pod, and says what it is", async () => {
    const { words, cwd } = await replaying();
    const process = new Podflame(words, { cwd });
    const page = await pageOf(process);
    await process.shows("stderr", /This is a recorded replay of/);
    const names = async (): Promise<string[]> => (await rowsOf(page)).map(({ level, name }) => `${level} ${name}`);
    await expect
      .poll(names)
      .toEqual(
        expect.arrayContaining([
          "namespace checkout",
          "workload pricing",
          "revision 7c9d5b8f6",
          "pod pricing-7c9d5b8f6-x4jqz",
          "container pricing",
          "process c-burn",
          "namespace web",
          "process node",
        ]),
      );
    expect(await answerOf(page, "status")).toMatchObject({
      mode: {
        kind: "recorded",
        reason: "--replay asks for it",
        remedy: expect.stringContaining("without --replay") as string,
      },
    });
    process.kill("SIGINT");
    const { code, stderr } = await process.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(/warn|error/i);
  });

  test("keeps what it took in for the next start", async () => {
    const { words, cwd } = await replaying();
    const first = new Podflame(words, { cwd });
    const page = await pageOf(first);
    await expect.poll(async () => (await rowsOf(page)).length).toBeGreaterThan(8);
    first.kill("SIGINT");
    expect((await first.ended).code).toBe(0);
    const second = new Podflame(["gateway", "--data", join("data", "recorded"), ...QUIET], { cwd });
    const restarted = await pageOf(second);
    const heldMs = async (): Promise<number> => {
      const { oldest } = (await answerOf(restarted, "status")) as { oldest?: number };
      return Date.now() - (oldest ?? Date.now());
    };
    // The page is there before the store is open.
    await expect.poll(heldMs).toBeGreaterThan(4 * 60_000);
    second.kill("SIGTERM");
    expect((await second.ended).code).toBe(0);
  });

  test("shows a table as well, and Ctrl-C ends it well", async () => {
    const { words, cwd } = await replaying("--table");
    const process = new Podflame(words, { cwd });
    // Each second's table comes under the one before; what is replayed first may be in one alone.
    const complete = /^3 in all, 3 with a pod's name, [1-9]\d*\.\d samples\/s, \d+\.\d\d cores$/m;
    await process.shows("stdout", complete);
    const end = complete.exec(process.stdout)!.index;
    const [title, ...rows] = process.stdout.slice(process.stdout.lastIndexOf("NAMESPACE", end), end).split("\n");
    expect(title).toMatch(/^NAMESPACE +POD +CONTAINER +SERVICE +SAMPLES\/S +CORES +HOTTEST$/);
    expect(rows.slice(0, 3).map((row) => row.split(/ {2,}/).length)).toEqual([7, 7, 7]);
    // What the captures' README says of them: 42, 28 and 24 samples.
    expect(rows.slice(0, 3).map((row) => row.split(/ {2,}/)[2])).toEqual(["storefront", "pricing", "orders"]);
    process.kill("SIGINT");
    const { code, stderr } = await process.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/warn|error/i);
  });

  test("ends by itself after --duration", async () => {
    const { words, cwd } = await replaying("--duration", "100ms");
    const { code, stderr } = await podflame(words, { cwd });
    expect(code, stderr).toBe(0);
  });

  test("starts beside others that start at the same moment: one has the port of own metrics, the others do without", async () => {
    const starts = await Promise.all([1, 2, 3, 4].map(() => replaying("--duration", "100ms")));
    const ended = await Promise.all(starts.map(({ words, cwd }) => podflame(words, { cwd })));
    for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
  });

  test("ends well when nobody reads the table any more", async () => {
    const { words, cwd } = await replaying("--table");
    const process = new Podflame(words, { cwd });
    await process.shows("stdout", /in all/);
    process.closeStdout();
    expect((await process.ended).code).toBe(0);
  });

  test.each(["--listen", "--otlp"])("names the port that is taken, and offers %s", async (flag) => {
    const [port] = await freePorts(1);
    const holder = createServer().listen(port, "127.0.0.1");
    onTestFinished(() => void holder.close());
    const { code, stderr } = await podflame(["up", "--listen", "127.0.0.1:0", flag, `127.0.0.1:${port}`]);
    expect(stderr).toContain(`127.0.0.1:${port} is taken by another process`);
    expect(stderr).toContain(`podflame up ${flag} 127.0.0.1:`);
    expect(code).toBe(1);
  });

  test.each(["up", "view"])("%s says what is wrong with an address that isn't this machine's", async (command) => {
    const { code, stderr } = await podflame([
      command,
      "--listen",
      "192.0.2.1:4040",
      ...(command === "view" ? [HERE] : []),
    ]);
    expect(stderr).toMatch(/192\.0\.2\.1:4040: this machine doesn't have that address; choose one of its own/);
    expect(code).toBe(1);
  });

  test("says that another podflame has the folder", async () => {
    const { words, cwd } = await replaying();
    const first = new Podflame(words, { cwd });
    await pageOf(first);
    const { code, stderr } = await podflame(words, { cwd });
    expect(stderr).toMatch(/data\/recorded is in use by another process; stop that one/);
    expect(code).toBe(1);
    first.kill("SIGINT");
    await first.ended;
  });
});

const HERE = import.meta.filename;

/** A gateway without anything but the page. */
const QUIET = [
  ["extensions::ui::endpoint", "127.0.0.1:0"],
  ["extensions::health_check::endpoint", "127.0.0.1:0"],
  ["receivers::otlp::protocols::grpc::endpoint", "127.0.0.1:0"],
  ["receivers::otlp::protocols::http::endpoint", "127.0.0.1:0"],
  ["service::telemetry::metrics::level", "none"],
].flatMap(([path, value]) => ["--set", `${path}=${value}`]);
