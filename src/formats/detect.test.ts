import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ProfilesModel } from "#otlp";
import { detectFormat, FORMAT_NAMES, formatByFileName, formatNamed, FORMATS } from "./index.ts";
import { beginsAsJson } from "./json.ts";

const testdata = fileURLToPath(new URL("../../testdata/", import.meta.url));
const goProfile = readFileSync(`${testdata}formats/go-cpu.pb.gz`);

test("pprof is known compressed, inflated, and cut off", () => {
  const plain = gunzipSync(goProfile);
  expect(detectFormat(goProfile)).toBe("pprof");
  expect(detectFormat(plain)).toBe("pprof");
  expect(detectFormat(zstdCompressSync(plain))).toBe("pprof");
  for (let end = 40; end < plain.length; end += 50) expect(detectFormat(plain.subarray(0, end))).toBe("pprof");
});

test("text is known by its lines", () => {
  const folded = Buffer.from("# how it was made\nmain;run 12\nmain;idle thread 3\n");
  expect(detectFormat(folded)).toBe("folded");
  expect(detectFormat(gzipSync(folded))).toBe("folded");
  expect(detectFormat(Buffer.from("no stacks in here\n"))).toBeUndefined();
  expect(detectFormat(Buffer.from(""))).toBeUndefined();
});

test("folded stacks whose first letters are tags of protobuf are text nevertheless", () => {
  for (const first of ["padding", "path", "prime", "Hash", "x"]) {
    expect(detectFormat(Buffer.from(`${first};of;frames 1\nmain;a 2\n`))).toBe("folded");
  }
});

test("what podflame only writes is known as well", () => {
  const model = formatNamed("pprof")!.read!(goProfile) as ProfilesModel;
  for (const { name, write } of FORMATS) if (write) expect(detectFormat(write(model))).toBe(name);
});

test("any bytes get an answer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      expect([undefined, ...FORMAT_NAMES]).toContain(detectFormat(bytes));
    }),
  );
  // What is quadratic in these takes minutes.
  for (const unit of [" ", "a ", "1 ", "\n", "(", "{", "1f8b"]) detectFormat(Buffer.from(unit.repeat(1_000_000)));
});

test("no OTLP request of any layout is taken for a file of another tool", () => {
  const files = globSync("{otlp-profiles,captures}/**/*.{pb,binpb,json}", { cwd: testdata });
  expect(files.length).toBeGreaterThan(100);
  const taken = files.filter((file) => detectFormat(readFileSync(`${testdata}${file}`)) !== undefined);
  expect(taken).toEqual([]);
});

test("JSON is told from requests of OTLP by how it begins, whatever lengths stand there", () => {
  const files = globSync("{otlp-profiles/*,captures}/*.{pb,binpb,json}", { cwd: testdata });
  for (const file of files) {
    const bytes = readFileSync(`${testdata}${file}`);
    const json = file.endsWith(".json");
    expect(`${file} ${beginsAsJson(bytes)}`).toBe(`${file} ${json}`);
    if (json) expect(beginsAsJson(Buffer.concat([Buffer.from("\uFEFF \r\n\t"), bytes]))).toBe(true);
  }
  for (const text of ["", "{", "\n{", "{}", "{ }", "[]"]) expect(beginsAsJson(Buffer.from(text))).toBe(/\{/.test(text));
});

test("a file name decides only what the bytes leave open", () => {
  expect(detectFormat(goProfile, "stacks.folded")).toBe("pprof");
  expect(detectFormat(Buffer.from(""), "x.pb.gz")).toBe("pprof");
  expect(detectFormat(Buffer.from([0, 1, 2, 3]), "x.folded")).toBeUndefined();
  expect(formatByFileName("A.PB.GZ")?.name).toBe("pprof");
  expect(formatByFileName("stacks.folded.gz")?.name).toBe("folded");
  expect(formatByFileName("noending")).toBeUndefined();
});

test("each format is listed once, and can be read or written", () => {
  expect(FORMATS.map(({ name }) => name).sort()).toEqual([...FORMAT_NAMES].sort());
  for (const format of FORMATS) {
    expect(format.read ?? format.write).toBeDefined();
    expect(formatNamed(format.name)).toBe(format);
    expect(formatByFileName(`x${format.extensions[0]!}`)).toBe(format);
  }
});
