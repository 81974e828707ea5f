import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forEachLine, forEachPiece, forgetProcFile, readProcFile } from "./proc-file.ts";

let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "podflame-proc-"));
  file = join(folder, "file");
});
afterAll(() => rmSync(folder, { recursive: true }));

function piecesOf(content: string | Buffer, maxBytes = 1 << 20): { pieces: string[]; end: string } {
  writeFileSync(file, content);
  const pieces: string[] = [];
  const end = forEachPiece(file, 0, maxBytes, (bytes, start, pieceEnd) => {
    pieces.push(bytes.toString("latin1", start, pieceEnd));
  });
  return { pieces, end };
}

describe("a file read piece by piece", () => {
  test("has the pieces between its separators, the last one with or without", () => {
    expect(piecesOf("a\0\0bc\0")).toEqual({ pieces: ["a", "", "bc"], end: "complete" });
    expect(piecesOf("a\0bc")).toEqual({ pieces: ["a", "bc"], end: "complete" });
    expect(piecesOf("")).toEqual({ pieces: [], end: "complete" });
  });

  test("loses pieces longer than the buffer, and no others", () => {
    const long = "x".repeat(100_000);
    expect(piecesOf(`a\0${long}\0b\0${long}`)).toEqual({ pieces: ["a", "b"], end: "complete" });
  });

  test("is read no further than allowed, and says so", () => {
    const { pieces, end } = piecesOf("abc\0".repeat(100_000), 1_000);
    expect(end).toBe("cut");
    expect(pieces.length).toBeLessThan(20_000);
  });

  test("is read no further than wanted", () => {
    writeFileSync(file, "1\n2\n3\n");
    const lines: string[] = [];
    const end = forEachLine(file, 1 << 20, (bytes, start, lineEnd) => {
      lines.push(bytes.toString("latin1", start, lineEnd));
      return lines.length < 2;
    });
    expect({ end, lines }).toEqual({ end: "stopped", lines: ["1", "2"] });
  });

  test("gives what splitting it gives, wherever the buffer ends", () => {
    const piece = fc.tuple(fc.nat(9_000), fc.constantFrom("a", "b")).map(([length, letter]) => letter.repeat(length));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        expect(piecesOf(pieces.map((text) => `${text}\0`).join("")).pieces).toEqual(pieces);
      }),
      { numRuns: 50 },
    );
  });

  test("that isn't there is missing", () => {
    expect(forEachLine(join(folder, "nothing"), 10, () => true)).toBe("missing");
    expect(forEachLine(folder, 10, () => true)).toBe("missing");
    expect(readProcFile(join(folder, "nothing"))).toBeUndefined();
  });
});

test("a file read at once is cut at the buffer's end", () => {
  writeFileSync(file, "y".repeat(40_000));
  expect(readProcFile(file)).toHaveLength(32 * 1024);
});

test("what was read can be made to be forgotten", () => {
  writeFileSync(file, "SECRET=1");
  const seen = readProcFile(file)!;
  forgetProcFile();
  expect(seen).toEqual(Buffer.alloc(8));
});
