import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { folderWith, freePorts, Podflame, podflame } from "./podflame.ts";

describe("podflame up", () => {
  test("shows a table of named pods within seconds, from any folder, and Ctrl-C ends it well", async () => {
    const process = new Podflame(["up", "--replay", "--listen", "127.0.0.1:0"], { cwd: await folderWith({}) });
    await process.shows("stdout", /in all/);
    const [title, ...rows] = process.stdout.split("\n");
    expect(title).toMatch(/^NAMESPACE +POD +CONTAINER +SERVICE +SAMPLES\/S +CORES +HOTTEST$/);
    expect(rows.slice(0, 3).map((row) => row.split(/ {2,}/).length)).toEqual([7, 7, 7]);
    expect(process.stdout).toMatch(/^3 in all, 3 with a pod's name, [1-9]\d*\.\d samples\/s, \d+\.\d\d cores$/m);
    // What the captures' README says of them: 42, 28 and 24 samples.
    expect(rows.slice(0, 3).map((row) => row.split(/ {2,}/)[2])).toEqual(["storefront", "pricing", "orders"]);
    expect(process.stderr).toContain("This is a recorded replay of");
    process.kill("SIGINT");
    const { code, stderr } = await process.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/warn|error/i);
  });

  test("ends by itself after --duration", async () => {
    expect((await podflame(["up", "--replay", "--listen", "127.0.0.1:0", "--duration", "100ms"])).code).toBe(0);
  });

  test("ends well when nobody reads the table any more", async () => {
    const process = new Podflame(["up", "--replay", "--listen", "127.0.0.1:0"]);
    await process.shows("stdout", /in all/);
    process.closeStdout();
    expect((await process.ended).code).toBe(0);
  });

  test("names the ports that are taken, and offers --listen", async () => {
    const [port] = await freePorts(1);
    const holder = createServer().listen(port, "127.0.0.1");
    onTestFinished(() => void holder.close());
    const { code, stderr } = await podflame(["up", "--listen", `127.0.0.1:${port}`]);
    expect(stderr).toContain(`127.0.0.1:${port} is taken by another process`);
    expect(stderr).toContain("podflame up --listen 127.0.0.1:14317");
    expect(code).toBe(1);
  });
});
