import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AppendColumn, Engine } from "./duckdb.ts";
import { openEngineThread } from "./engine-thread.ts";

const ROWS = 300_000;
/** Would take minutes. */
const ENDLESS = "SELECT count(*) FROM range(1000000000000) WHERE hash(range) % 7 = 0";

let directory: string;
let engine: Engine;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "podflame-engine-"));
  engine = await openEngineThread(settings("spill"));
});

afterEach(async () => {
  await engine.close();
  await rm(directory, { recursive: true, force: true });
});

function settings(spill: string) {
  return { memoryBytes: 72e6, threads: 1, spillDirectory: join(directory, spill) };
}

/** Rows of (n, n / 2, text of n), in pieces of uneven length. */
function* rows(): Generator<readonly AppendColumn[]> {
  for (let start = 0, size = 1; start < ROWS; start += size, size = (size * 3) % 40_009) {
    const numbers = Uint32Array.from({ length: Math.min(size, ROWS - start) }, (_, at) => start + at);
    yield [numbers, Float64Array.from(numbers, (n) => n / 2), Array.from(numbers, String)];
  }
}

async function fill(table: string): Promise<void> {
  await engine.execute(`CREATE TABLE ${table} (n UINTEGER, half DOUBLE, text VARCHAR)`);
  await engine.append(table, rows());
}

describe("an engine in a thread of its own", () => {
  test("gives back the rows that were appended, each once and unchanged", async () => {
    await fill("numbers");
    let next = 0;
    let wrong = 0;
    await engine.read("SELECT n, half, text FROM numbers ORDER BY n", (chunk) => {
      const [numbers, halves] = [chunk.numbers(0), chunk.numbers(1)];
      for (let row = 0; row < chunk.length; row++, next++) {
        if (numbers[row] !== next || halves[row] !== next / 2 || chunk.text(2, row) !== String(next)) wrong++;
      }
    });
    expect([next, wrong]).toEqual([ROWS, 0]);
  });

  test("answers several questions and takes rows at the same time", async () => {
    await fill("numbers");
    const sums = [0, 0, 0];
    const read = (at: number): Promise<void> =>
      engine.read(`SELECT n FROM numbers WHERE n % 3 = ${at}`, (chunk) => {
        for (const n of chunk.numbers(0)) sums[at]! += n;
      });
    await Promise.all([read(0), read(1), read(2), fill("others")]);
    expect(sums[0]! + sums[1]! + sums[2]!).toBe((ROWS * (ROWS - 1)) / 2);
  });

  test("hands over a question's rows in few pieces, and no more of them than whoever asks has time for", async () => {
    let [pieces, total] = [0, 0];
    await engine.read("SELECT CAST(range AS UINTEGER) FROM range(2000000)", (chunk) => {
      pieces++;
      total += chunk.length;
    });
    expect(total).toBe(2_000_000);
    expect(pieces).toBeLessThan(80);
  });

  test("hands over long texts in smaller pieces", async () => {
    let largest = 0;
    let characters = 0;
    await engine.read("SELECT repeat('x', 5000) FROM range(20000)", (chunk) => {
      largest = Math.max(largest, chunk.length);
      for (let row = 0; row < chunk.length; row++) characters += chunk.text(0, row).length;
    });
    expect([largest, characters]).toEqual([2048, 100_000_000]);
  });

  test("says what is wrong with a statement, and goes on", async () => {
    await expect(engine.execute("SELECT nothing_like_it")).rejects.toThrow(/nothing_like_it/);
    await expect(engine.read("SELECT * FROM nowhere", () => undefined)).rejects.toThrow(/nowhere/);
    await expect(engine.append("nowhere", rows())).rejects.toThrow(/nowhere/);
    await fill("numbers");
  });

  test("ends a question whose asker fails, with that failure", async () => {
    const failure = new Error("no more of that");
    const read = engine.read("SELECT range FROM range(1000000000)", () => {
      throw failure;
    });
    await expect(read).rejects.toBe(failure);
  });

  test("ends rows that can't be made, with that failure, and keeps none of them", async () => {
    const failure = new Error("no more of that");
    await engine.execute("CREATE TABLE few (n UINTEGER)");
    const failing = function* (): Generator<readonly AppendColumn[]> {
      yield [Uint32Array.of(1, 2, 3)];
      throw failure;
    };
    await expect(engine.append("few", failing())).rejects.toBe(failure);
    await engine.read("SELECT 1", () => undefined);
  });

  test("ends a question that nobody waits for any more, in the middle of its work", async () => {
    const stop = new AbortController();
    const read = engine.read(ENDLESS, () => undefined, stop.signal);
    stop.abort();
    await expect(read).rejects.toMatchObject({ kind: "cancelled" });
    await expect(engine.read("SELECT 1", () => undefined, stop.signal)).rejects.toMatchObject({ kind: "cancelled" });
  });

  test("ends what is under way when it's closed, and leaves other engines alone", async () => {
    const other = await openEngineThread(settings("other"));
    try {
      const read = engine.read(ENDLESS, () => undefined);
      const ended = expect(read).rejects.toMatchObject({ kind: "cancelled" });
      await engine.close();
      await ended;
      await expect(engine.execute("SELECT 1")).rejects.toMatchObject({ kind: "unavailable" });
      await other.execute("SELECT 1");
    } finally {
      await other.close();
    }
  });
});

describe("a process with an engine", () => {
  const module = join(import.meta.dirname, "engine-thread.ts");
  const begin = `const { openEngineThread } = await import(${JSON.stringify(module)});
    const engine = await openEngineThread({ memoryBytes: 72e6, threads: 1, spillDirectory: process.argv[1] });`;
  const run = (code: string) =>
    spawnSync(process.execPath, ["--input-type=module", "--eval", begin + code, directory], {
      encoding: "utf8",
      timeout: 60_000,
    });

  test("ends by itself when nothing is under way, though the engine is open", () => {
    expect(run("console.log('asked nothing')")).toMatchObject({ status: 0, stdout: "asked nothing\n", stderr: "" });
  });

  test("waits for what is under way", () => {
    const code = "engine.read('SELECT 42', (chunk) => console.log(Number(chunk.numbers(0)[0])))";
    expect(run(code)).toMatchObject({ status: 0, stdout: "42\n", stderr: "" });
  });

  test("may end while a question is under way", () => {
    const code = `const long = "SELECT count(*) FROM range(100000000) WHERE hash(range) % 7 = 0";
      engine.read(long, () => undefined).catch(() => undefined);
      setTimeout(() => process.exit(7), 100)`;
    expect(run(code)).toMatchObject({ status: 7, stderr: "" });
  });

  test("hears why the thread ended, and goes on with another one", () => {
    const code = `const big = "SELECT repeat('x', 100000) FROM range(20000)";
      const read = engine.read(big, (chunk) => chunk.text(0, 0));
      await read.catch((error) => console.log(error.kind, error.message));
      await Promise.all([engine.execute("SELECT 1"), engine.execute("CREATE TABLE t (n UINTEGER)")]);
      await engine.append("t", [[Uint32Array.of(42)]]);
      await engine.read("FROM t", (chunk) => console.log(chunk.numbers(0)[0]));
      await engine.close();`;
    const { stdout, status } = run(code);
    expect(stdout).toMatch(/^unavailable the thread of the database engine ended: .*memory.*\n42\n$/);
    expect(status).toBe(0);
  });
});
