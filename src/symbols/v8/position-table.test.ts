import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elfAt } from "../testing/programs.ts";
import { bytecodeOffsetOf } from "./bytecode.ts";
import { readV8Layout } from "./layout.ts";
import { findBytecodeNumber, findSourcePosition, sourcePositionOf } from "./position-table.ts";
import { nodeBinaries } from "./testing/node-target.ts";

/** Seven bits a byte, as V8 writes them. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

const zigZag = (value: number): number => (value >= 0 ? 2 * value : -2 * value - 1);

interface Entry {
  readonly code: number;
  readonly word: number;
  readonly isStatement: boolean;
}

function encode(entries: readonly Entry[]): Uint8Array {
  let [code, word] = [-1, 0];
  return Uint8Array.from(
    entries.flatMap((entry) => {
      const distance = entry.code - code;
      const bytes = [
        ...varint(zigZag(entry.isStatement ? distance : -distance - 1)),
        ...varint(zigZag(entry.word - word)),
      ];
      [code, word] = [entry.code, entry.word];
      return bytes;
    }),
  );
}

const entries = fc
  .array(fc.tuple(fc.nat(300), fc.nat(2 ** 30 - 3), fc.integer({ min: -1, max: 2 ** 16 - 2 }), fc.boolean()), {
    minLength: 1,
    maxLength: 40,
  })
  .map((list) => {
    let code = 0;
    return list.map(([distance, offset, inlining, isStatement]): Entry => {
      code += distance;
      return { code, word: 2 * (offset + 1) + (inlining + 1) * 2 ** 31, isStatement };
    });
  });

describe("source positions", () => {
  test("are those of the last entry at or before the offset", () => {
    fc.assert(
      fc.property(entries, fc.nat(12_000), (list, offset) => {
        const last = list.findLast(({ code }) => code <= offset);
        expect(findSourcePosition(encode(list), offset)).toEqual(last && sourcePositionOf(last.word));
      }),
    );
  });

  test("of the first seven entries that V8 wrote for a method", () => {
    // `area() { return (this.width + spin(900)); }` in Node 20, as --print-bytecode shows it: 73, 87 and 79 on offsets
    // 0, 15 and 19, with everything moved by 75 characters.
    const table = Buffer.from("01dc0302741f38091f0660", "hex");
    expect([0, 14, 15, 18, 19].map((offset) => findSourcePosition(table, offset)?.offset)).toEqual([
      147, 147, 161, 161, 153,
    ]);
  });

  test("of arbitrary bytes are a position or nothing, and take no longer than the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (table, offset) => {
        const position = findSourcePosition(table, offset);
        if (position) expect(position.offset).toBeGreaterThanOrEqual(0);
        findBytecodeNumber(table, offset);
      }),
      { numRuns: 2000 },
    );
  });

  test("with numbers beyond 2^53 are nothing", () => {
    const huge = Uint8Array.from([...Array.from({ length: 9 }, () => 0xff), 1]);
    expect(findSourcePosition(Uint8Array.from([2, ...huge]), 100)).toBeUndefined();
    expect(findBytecodeNumber(huge, 100)).toBeUndefined();
    expect(sourcePositionOf(Number.NaN)).toBeUndefined();
    expect(sourcePositionOf(3)).toBeUndefined();
  });
});

test("a baseline table counts bytecodes, the end of each included", () => {
  const table = Uint8Array.from([10, 5, ...varint(300), 7]);
  expect([1, 10, 11, 15, 16, 315, 316, 322, 323].map((offset) => findBytecodeNumber(table, offset))).toEqual([
    -1,
    -1,
    0,
    0,
    1,
    1,
    2,
    2,
    undefined,
  ]);
});

describe.each(nodeBinaries())("bytecodes of Node $version", ({ path }) => {
  test("begin where --print-bytecode says", () => {
    const layout = readV8Layout(elfAt(path));
    if (!("version" in layout) || !layout.version) throw new Error("unknown release");
    const { bytecodeSizes } = layout.version;
    const source = `function wanted(a, b) { let x = 0; for (let i = 0; i < 100000; i++) x += a[i] * b.length + 123456789; return [x, ...a, \`\${b}\`]; } wanted([1], "b")`;
    const text = execFileSync(path, ["--print-bytecode", "--print-bytecode-filter=wanted", "-e", source]).toString();
    const lines = [...text.matchAll(/@ +(\d+) : ((?:[0-9a-f]{2} )+)/g)];
    const bytecodes = Uint8Array.from(
      lines.flatMap(([, , bytes = ""]) =>
        bytes
          .trim()
          .split(" ")
          .map((byte) => parseInt(byte, 16)),
      ),
    );
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.some(([, , bytes = ""]) => bytes.startsWith("00 ") || bytes.startsWith("01 "))).toBe(true);
    expect(lines.map((_, number) => bytecodeOffsetOf(bytecodes, number, bytecodeSizes))).toEqual(
      lines.map(([, offset]) => Number(offset)),
    );
    expect(bytecodeOffsetOf(bytecodes, lines.length, bytecodeSizes)).toBeUndefined();
  });

  test("have a layout of the release that the binary says it is", () => {
    const layout = readV8Layout(elfAt(path));
    if (!("version" in layout)) throw new Error(layout.detail);
    const version = execFileSync(path, ["-p", "process.versions.v8"]).toString();
    expect(version.startsWith(`${layout.version?.name}.`)).toBe(true);
  });
});
