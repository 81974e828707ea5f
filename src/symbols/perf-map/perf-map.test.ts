import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ByteSource } from "../byte-source.ts";
import { bytesSource } from "../byte-source.ts";
import { temporaryFolder } from "../testing/programs.ts";
import { PerfMap } from "./perf-map.ts";

function mapOf(text: string): PerfMap {
  const map = new PerfMap();
  refreshed(map, text);
  return map;
}

function refreshed(map: PerfMap, text: string): PerfMap {
  const source = bytesSource(Buffer.from(text));
  while (!map.refresh(source));
  return map;
}

describe("lines", () => {
  test("are a start, a size and a name that may hold spaces", () => {
    const map = mapOf("7f00 10 LazyCompile:*run /app/my file.js:3\n0x7f10 0x8 Interpreter\n 7F20\t4 tabbed\r\n");
    expect(map.find(0x7f0f)).toEqual({ name: "LazyCompile:*run /app/my file.js:3", start: 0x7f00 });
    expect(map.find(0x7f17)).toEqual({ name: "Interpreter", start: 0x7f10 });
    expect(map.find(0x7f18)).toBeUndefined();
    expect(map.find(0x7f23)?.name).toBe("tabbed");
    expect(map.malformedLines).toBe(0);
  });

  test("that are none are counted and passed over", () => {
    const map = mapOf(
      "nonsense\n\n7f00 zz name\n7f00 0 empty\n7f00 10\n7f00 10 \nffffffffffffffffff 10 far\n7f00 10 good\n",
    );
    expect(map.find(0x7f08)?.name).toBe("good");
    expect(map.malformedLines).toBe(6);
  });

  test("beyond any length are passed over", () => {
    const map = mapOf(`7f00 10 before\n8000 10 ${"x".repeat(200_000)}\n7f10 10 after\n`);
    expect(map.find(0x7f08)?.name).toBe("before");
    expect(map.find(0x7f18)?.name).toBe("after");
    expect(map.find(0x8000)?.name?.length ?? 0).toBeLessThanOrEqual(4096);
    const long = mapOf(`7f00 10 ${"x".repeat(10_000)}\n`);
    expect(long.find(0x7f00)?.name).toHaveLength(4096);
  });

  test("later ones win where they overlap", () => {
    const map = mapOf("1000 100 old\n1080 100 new\n1000 100 newest\n");
    expect(map.find(0x1010)?.name).toBe("newest");
    expect(map.find(0x1090)?.name).toBe("newest");
    expect(map.find(0x1110)?.name).toBe("new");
  });
});

describe("a growing file", () => {
  test("is read on, and a line that is half written waits for its end", () => {
    const map = mapOf("1000 10 one\n2000 10 tw");
    expect(map.find(0x2000)).toBeUndefined();
    refreshed(map, "1000 10 one\n2000 10 two\n1000 10 replaced\n");
    expect(map.find(0x2000)?.name).toBe("two");
    expect(map.find(0x1000)?.name).toBe("replaced");
  });

  test("is read once", () => {
    const lines = Array.from(
      { length: 5000 },
      (_, index) => `${(0x1000 + index * 16).toString(16)} 10 f${index}\n`,
    ).join("");
    let bytesRead = 0;
    const counted = (text: string): ByteSource => {
      const source = bytesSource(Buffer.from(text));
      return {
        sizeBytes: source.sizeBytes,
        read(target, at) {
          const got = source.read(target, at);
          bytesRead += got;
          return got;
        },
      };
    };
    const map = new PerfMap();
    map.refresh(counted(lines));
    bytesRead = 0;
    map.refresh(counted(lines));
    map.refresh(counted(`${lines}9000000 10 last\n`));
    expect(bytesRead).toBeLessThan(1000);
    expect(map.find(0x9000000)?.name).toBe("last");
    expect(map.find(0x1000 + 4999 * 16)?.name).toBe("f4999");
  });

  test("that became shorter or was written anew is read from the beginning", () => {
    const map = mapOf("1000 10 one\n2000 10 two\n");
    refreshed(map, "1000 10 other\n");
    expect(map.find(0x1000)?.name).toBe("other");
    expect(map.find(0x2000)).toBeUndefined();
    refreshed(map, "3000 10 something else that is longer than before\n4000 10 four\n");
    expect(map.find(0x1000)).toBeUndefined();
    expect(map.find(0x4000)?.name).toBe("four");
  });

  test("whose lines changed under us gives no wrong names, and is read anew", () => {
    const end = "9000 10 the end of both, by which a file is recognised, is the same in the two files\n";
    const map = mapOf(`1000 10 one\n${end}`);
    const changed = `5000 10 six\n${end}`;
    refreshed(map, changed);
    expect(map.find(0x1000)).toBeUndefined();
    refreshed(map, changed);
    expect(map.find(0x5000)?.name).toBe("six");
  });

  test("that is written anew all the time is read ever more rarely, and gives no wrong names meanwhile", () => {
    const map = new PerfMap();
    let bytesRead = 0;
    for (let round = 0; round < 500; round++) {
      const text = `${(0x1000 + round * 16).toString(16)} 10 f${round}\n`.padEnd(100_000, "900000 10 x\n");
      const source = bytesSource(Buffer.from(text));
      map.refresh({
        sizeBytes: source.sizeBytes,
        read(target, at) {
          bytesRead += source.read(target, at);
          return Math.min(target.length, source.sizeBytes - at);
        },
      });
      expect([undefined, `f${round}`]).toContain(map.find(0x1000 + round * 16 + 3)?.name);
    }
    expect(bytesRead).toBeLessThan(20 * 100_000 + 500 * 10_000);
  });

  test("that is too long is read from near its end, beginning with a whole line", () => {
    const line = (index: number): string => `${(0x100000 + index * 16).toString(16)} 10 f${"x".repeat(1990)}${index}\n`;
    const count = Math.ceil((70 << 20) / line(1).length);
    const text = Array.from({ length: count }, (_, index) => line(index)).join("");
    const map = mapOf(text);
    expect(map.skippedBytes).toBe(text.length - (64 << 20));
    expect(map.find(0x100000)).toBeUndefined();
    expect(map.find(0x100000 + (count - 1) * 16)?.name).toMatch(new RegExp(`x${count - 1}$`));
    expect(map.malformedLines).toBe(0);
  });

  test("with more functions than are kept keeps those that were announced last", () => {
    const count = 270_000;
    const lines = Array.from({ length: count }, (_, index) => `${(0x100000 + index * 16).toString(16)} 10 f${index}\n`);
    const map = mapOf(lines.join(""));
    expect(map.memoryBytes).toBeLessThan(9_000_000);
    expect(map.find(0x100000)).toBeUndefined();
    expect(map.find(0x100000 + (count - 1) * 16)?.name).toBe(`f${count - 1}`);
    expect(map.find(0x100000 + (count - 240_000) * 16)?.name).toBe(`f${count - 240_000}`);
  });

  test("of nothing but zeros ends", () => {
    const map = new PerfMap();
    const zeros: ByteSource = { sizeBytes: 10 * 2 ** 30, read: (target) => target.fill(0).length };
    let rounds = 0;
    while (!map.refresh(zeros)) rounds++;
    expect(rounds).toBeLessThan(40);
    expect(map.skippedBytes).toBe(10 * 2 ** 30);
  });
});

test("any lines, in any pieces, give what a plain reading gives", () => {
  const entry = fc.record({ start: fc.nat(400), size: fc.integer({ min: 1, max: 60 }) });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 900 }), fc.array(fc.nat(20_000), { maxLength: 4 }), (entries, cuts) => {
      const text = entries
        .map(({ start, size }, index) => `${start.toString(16)} ${size.toString(16)} n${index}\n`)
        .join("");
      const map = new PerfMap();
      for (const cut of [...cuts].sort((a, b) => a - b)) refreshed(map, text.slice(0, cut));
      refreshed(map, text);
      for (let address = 0; address < 480; address += 3) {
        const last = entries.findLastIndex(({ start, size }) => address >= start && address < start + size);
        const found = map.find(address)?.name;
        // Whatever lies below very many others may be missing, but is never another.
        expect([last < 0 ? undefined : `n${last}`]).toContain(found);
      }
    }),
    { numRuns: 60 },
  );
});

test("what node writes with --perf-basic-prof is read, all of it", () => {
  const folder = temporaryFolder();
  const code =
    "let s = 0; const f = (i) => Math.sqrt(i) + JSON.stringify({ i }).length; for (let i = 0; i < 1e5; i++) s += f(i);";
  const options = ["--perf-basic-prof", `--perf-basic-prof-path=${folder}`];
  // V8 leaves a log of its own where it runs.
  const { pid, status } = spawnSync(process.execPath, [...options, "-e", code], { cwd: folder });
  expect(status).toBe(0);
  const file = readFileSync(join(folder, `perf-${pid}.map`));
  const map = new PerfMap();
  while (!map.refresh(bytesSource(file)));
  const lines = file.toString().trimEnd().split("\n");
  expect(lines.length).toBeGreaterThan(1000);
  const last = new Map(lines.map((line) => [line.split(" ", 1)[0]!, line.split(" ").slice(2).join(" ")]));
  for (const [start, name] of last) expect(map.find(parseInt(start, 16))?.name).toBe(name);
  expect(map.malformedLines).toBe(0);
});
