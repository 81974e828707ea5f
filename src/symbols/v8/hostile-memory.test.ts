import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elfAt, LIBC } from "../testing/programs.ts";
import { SymbolProblem } from "../symbol-problem.ts";
import { readV8Layout, type V8Layout } from "./layout.ts";
import type { RemoteMemory } from "./remote-memory.ts";
import { NodeTarget } from "./testing/node-target.ts";
import { V8_FRAME_HALVES, V8Names } from "./v8-names.ts";

const WORKLOAD = fileURLToPath(new URL("../../../testdata/symbols-v8/workload.cjs", import.meta.url));
const PAGE_BYTES = 4096;

/** Pages that were read of a real process, kept with the stacks they belong to; what wasn't read isn't there. */
class RecordedMemory implements RemoteMemory {
  readonly pages = new Map<number, Uint8Array>();
  reads = 0;
  readBytes = 0;

  read(target: Uint8Array, address: number): number {
    this.reads++;
    this.readBytes += target.length;
    let filled = 0;
    while (filled < target.length) {
      const at = address + filled;
      const page = this.pages.get(Math.floor(at / PAGE_BYTES));
      if (!page) break;
      const piece = page.subarray(at % PAGE_BYTES, (at % PAGE_BYTES) + target.length - filled);
      target.set(piece, filled);
      filled += piece.length;
    }
    return filled;
  }

  /** Takes in the pages that `target` is asked for from now on. */
  follow(target: NodeTarget): void {
    const { memory } = target.traced;
    const read = memory.read.bind(memory);
    memory.read = (bytes, address) => {
      const last = Math.floor((address + bytes.length - 1) / PAGE_BYTES);
      for (let page = Math.floor(address / PAGE_BYTES); page <= last; page++) {
        const content = new Uint8Array(PAGE_BYTES);
        if (read(content, page * PAGE_BYTES) === PAGE_BYTES) this.pages.set(page, content);
      }
      return read(bytes, address);
    };
  }
}

interface Recording {
  readonly layout: V8Layout;
  readonly memory: RecordedMemory;
  readonly words: Uint32Array;
  readonly frames: number;
  readonly codeStart: number;
}

async function record(): Promise<Recording> {
  await using target = await NodeTarget.start(process.execPath, WORKLOAD);
  const { layout, traced } = target;
  const codeStart = traced.mappings().find(({ path, executable }) => path === "" && executable)!.start;
  const memory = new RecordedMemory();
  memory.follow(target);
  for (;;) {
    // Named while it's stopped, so that all that belongs to this stack is read.
    const recording = traced.sample(layout, ({ words, frames }) => {
      const isWanted = nameAll(new V8Names(layout, traced.memory), words, frames, codeStart).includes("spin");
      return isWanted ? { layout, memory, words: words.slice(), frames, codeStart } : undefined;
    });
    if (recording) return recording;
    await sleep(1);
  }
}

/** Each frame as if it stood in generated code, and as if it stood in the binary. */
function nameAll(names: V8Names, words: Uint32Array, frames: number, codeStart: number): string[] {
  return Array.from({ length: frames }, (_, index) => index * V8_FRAME_HALVES)
    .flatMap((at) => [
      ...(names.frames(words, at, at === 0, { kind: "generated", start: codeStart }) ?? []),
      ...(names.frames(words, at, at === 0, { kind: "file", symbol: undefined }) ?? []),
    ])
    .map(({ functionName }) => functionName);
}

describe("memory of a process that lies", { timeout: 60_000 }, () => {
  test("gives names that it spells out or none, never an exception, in bounded time", async () => {
    const { layout, memory, words, frames, codeStart } = await record();
    expect(nameAll(new V8Names(layout, memory), words, frames, codeStart)).toContain("round");
    const pages = [...memory.pages.values()];
    const change = fc.record({
      page: fc.nat(pages.length - 1),
      at: fc.nat(PAGE_BYTES / 8 - 1),
      // Garbage, numbers as large as they get, and pointers to what else is there: cycles, wrong types.
      low: fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 0xffffffff, ...words.slice(0, 40))),
      high: fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 0x7fffffff, ...words.slice(0, 40))),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 400 }), (changes) => {
        const before = changes.map(({ page, at }) => pages[page]!.slice(at * 8, at * 8 + 8));
        for (const { page, at, low, high } of changes) {
          new DataView(pages[page]!.buffer).setUint32(at * 8, low, true);
          new DataView(pages[page]!.buffer).setUint32(at * 8 + 4, high, true);
        }
        memory.readBytes = 0;
        memory.reads = 0;
        const names = new V8Names(layout, memory);
        for (const name of nameAll(names, words, frames, codeStart)) expect(name.length).toBeLessThanOrEqual(512);
        names.endFlush();
        nameAll(names, words, frames, codeStart);
        expect(memory.reads).toBeLessThan(100_000);
        changes.forEach(({ page, at }, index) => pages[page]!.set(before[index]!, at * 8));
      }),
      { numRuns: 150 },
    );
  });

  test("gives no names when it's gone", async () => {
    const { layout, words, frames, codeStart } = await record();
    const names = new V8Names(layout, { read: () => 0 });
    expect(nameAll(names, words, frames, codeStart).filter((name) => !name.startsWith("("))).toEqual([]);
    expect(names.counters.unnamed).toBeGreaterThan(3);
  });

  test("and words of any value are taken", async () => {
    const { layout, memory, codeStart } = await record();
    fc.assert(
      fc.property(fc.uint32Array({ minLength: 100, maxLength: 100 }), (words) => {
        nameAll(new V8Names(layout, memory), words, 10, codeStart);
      }),
      { numRuns: 300 },
    );
  });
});

test("what isn't Node has no layout, and says why", () => {
  expect(readV8Layout(elfAt(LIBC))).toEqual(new SymbolProblem("unsupported", "exports no v8dbg_ symbols: not Node"));
});
