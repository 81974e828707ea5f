import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadTranscoder, type Payload, SIGNALS, type Signal } from "#otlp";
import type { Component, Consumer } from "#collector";
import { testContext, type TestContext, testPayload } from "../../testing/context.ts";
import { lifecycleSuite } from "../../testing/lifecycle-suite.ts";
import { removeOldBackups, setAside } from "./backups.ts";
import { fileExporterConfig } from "./config.ts";
import { fileExporterFactory } from "./index.ts";

const NEVER = new AbortController().signal;
const shared = mkdtempSync(join(tmpdir(), "podflame-file-"));
afterAll(() => rmSync(shared, { recursive: true }));
lifecycleSuite(fileExporterFactory, [
  { name: "with JSON", config: { path: join(shared, "out.json") } },
  { name: "with protobuf and rotation", config: { path: join(shared, "out.pb"), format: "proto", rotation: {} } },
]);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "podflame-file-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function start(input: object): Promise<{ file: Component & Consumer; context: TestContext; path: string }> {
  const path = join(folder, "out.json");
  const read = fileExporterConfig.parse({ path, ...input });
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  const context = testContext("file");
  const file = fileExporterFactory.create(context, read.config);
  await file.start();
  return { file, context, path };
}

/** One resource with that schema URL. */
function request(signal: Signal, text: string): Payload {
  const bytes = Buffer.from(text);
  if (bytes.length > 120) return large(signal, bytes);
  return testPayload(signal, Buffer.concat([Uint8Array.of(0x0a, bytes.length + 2, 0x1a, bytes.length), bytes]));
}

/** The same with lengths of three bytes. */
function large(signal: Signal, text: Buffer): Payload {
  const length = (size: number): number[] => [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
  const head = Uint8Array.of(0x0a, ...length(text.length + 4), 0x1a, ...length(text.length));
  return testPayload(signal, Buffer.concat([head, text]));
}

/** Records behind lengths of 4 bytes. */
function records(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    found.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return found;
}

describe("records", () => {
  test.each(SIGNALS)("of %s are lines of OTLP/JSON by default", async (signal) => {
    const { file, path, context } = await start({});
    await file.consume(request(signal, "one"));
    await file.consume(request(signal, "two"));
    await file.shutdown(NEVER);
    const { protobufToJson } = await loadTranscoder();
    const expected = ["one", "two"].map((text) => `${protobufToJson(signal, request(signal, text).bytes) as string}\n`);
    expect(readFileSync(path, "utf8")).toBe(expected.join(""));
    expect(JSON.parse(expected[0]!)).toMatchObject({});
    expect(context.logger.messages("error")).toEqual([]);
  });

  test("of protobuf stand behind their length", async () => {
    const { file, path } = await start({ format: "proto" });
    await file.consume(request("logs", "one"));
    await file.consume(request("logs", "two"));
    await file.shutdown(NEVER);
    expect(records(path)).toEqual(
      [request("logs", "one"), request("logs", "two")].map(({ bytes }) => Buffer.from(bytes)),
    );
  });

  test.each(["json", "proto"])("of %s can be compressed, each on its own", async (format) => {
    const { file, path } = await start({ format, compression: "zstd" });
    await file.consume(request("logs", "one"));
    await file.consume(request("logs", "two"));
    await file.shutdown(NEVER);
    const texts = records(path).map((record) => zstdDecompressSync(record).toString());
    expect(texts.map((text) => /one|two/.exec(text)?.[0])).toEqual(["one", "two"]);
  });

  test("of many senders at once don't mix", async () => {
    const { file, path } = await start({ format: "proto" });
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`.repeat(1000));
    await Promise.all(texts.map((text) => file.consume(request("logs", text))));
    await file.shutdown(NEVER);
    expect(records(path).map((record) => record.subarray(8).toString())).toEqual(texts);
  });

  test("replace those of an earlier run, unless append is set", async () => {
    for (const [input, lines] of [
      [{}, 1],
      [{ append: true }, 2],
      [{}, 1],
    ] as const) {
      const { file, path } = await start(input);
      await file.consume(request("logs", "x"));
      await file.shutdown(NEVER);
      expect(readFileSync(path, "utf8").trimEnd().split("\n").length).toBe(lines);
    }
  });

  test("that cannot be written as JSON are refused and counted", async () => {
    const { file, path } = await start({});
    await expect(file.consume(testPayload("logs", Uint8Array.of(0x0a, 0x7f)))).rejects.toMatchObject({
      permanent: true,
    });
    await file.shutdown(NEVER);
    expect(statSync(path).size).toBe(0);
  });
});

describe("rotation", () => {
  test("sets the file aside before it grows too large, and goes on in a new one", async () => {
    const { file, context, path } = await start({ format: "proto", rotation: { max_megabytes: 1 } });
    for (let index = 0; index < 5; index++) {
      await file.consume(request("logs", `${index}`.repeat(400_000)));
      await context.clock.advance(1000);
    }
    await file.shutdown(NEVER);
    const names = readdirSync(folder).sort();
    expect(names.slice(0, 2)).toEqual(["out-2023-11-14T22-13-22.000.json", "out-2023-11-14T22-13-24.000.json"]);
    expect(names.map((name) => records(join(folder, name)).length)).toEqual([2, 2, 1]);
    expect(names[2]).toBe("out.json");
    expect(path).toBe(join(folder, "out.json"));
  });

  test("goes on in the file of an earlier run", async () => {
    for (let run = 1; run <= 3; run++) {
      const { file, path } = await start({ format: "proto", rotation: {} });
      await file.consume(request("logs", "x"));
      await file.shutdown(NEVER);
      expect(records(path).length).toBe(run);
    }
  });

  test("keeps as many backups as max_backups, and none older than max_days, and nobody else's files", async () => {
    const path = join(folder, "out.json");
    const day = 24 * 60 * 60 * 1000;
    const nowMs = Date.UTC(2026, 0, 10);
    for (let age = 0; age < 6; age++) {
      writeFileSync(path, "");
      await setAside(path, nowMs - age * day, false);
    }
    writeFileSync(join(folder, "out-notes.json"), "");
    const rotation = { maxBytes: 1, maxDays: 0, maxBackups: 5, localTime: false };
    await removeOldBackups(path, rotation, nowMs);
    expect(readdirSync(folder).length).toBe(6);
    await removeOldBackups(path, { ...rotation, maxDays: 2 }, nowMs);
    expect(readdirSync(folder).sort()).toEqual([
      "out-2026-01-08T00-00-00.000.json",
      "out-2026-01-09T00-00-00.000.json",
      "out-2026-01-10T00-00-00.000.json",
      "out-notes.json",
    ]);
  });

  test("never overwrites a backup of the same millisecond", async () => {
    const path = join(folder, "out");
    for (const text of ["a", "b"]) {
      writeFileSync(path, text);
      await setAside(path, 0, false);
    }
    expect(readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"))).toEqual(["a", "b"]);
  });
});

describe("trouble", () => {
  test("a full disk is told to the sender as something that may pass, and counted", async () => {
    const { file, context } = await start({ path: "/dev/full", format: "proto" });
    const spans = testPayload("traces", Uint8Array.of(0x0a, 6, 0x12, 4, 0x12, 0, 0x12, 0));
    await expect(file.consume(spans)).rejects.toMatchObject({ permanent: false, reason: "unavailable" });
    expect(context.metrics.value("otelcol_exporter_send_failed_spans", { exporter: "file" })).toBe(2);
    await file.shutdown(NEVER);
  });

  test("a folder that is not there fails the start, unless create_directory makes it", async () => {
    const path = join(folder, "a", "b", "out.json");
    await expect(start({ path })).rejects.toThrow(`cannot open ${path}`);
    const { file } = await start({ path, create_directory: true });
    await file.consume(request("logs", "x"));
    await file.shutdown(NEVER);
    expect(statSync(path).size).toBeGreaterThan(0);
  });

  test("a file that somebody moved is begun anew when it is full, and a folder when it is back", async () => {
    const { file, path } = await start({ format: "proto", rotation: { max_megabytes: 1 } });
    await file.consume(request("logs", "x".repeat(700_000)));
    rmSync(path);
    await file.consume(request("logs", "y".repeat(700_000)));
    expect(readdirSync(folder)).toEqual(["out.json"]);
    renameSync(folder, `${folder}-away`);
    await expect(file.consume(request("logs", "z".repeat(700_000)))).rejects.toMatchObject({ permanent: false });
    renameSync(`${folder}-away`, folder);
    await file.consume(request("logs", "z".repeat(700_000)));
    await file.shutdown(NEVER);
    expect(readdirSync(folder).length).toBe(2);
    expect(records(path).length).toBe(1);
  });
});

describe("configuration", () => {
  function problems(input: unknown): string[] {
    const result = fileExporterConfig.parse(input);
    return "problems" in result ? result.problems.map(({ path, message }) => `${path.join("::")}: ${message}`) : [];
  }

  test.each([[null], [{}]])("%j lacks a path", (input) => {
    expect(problems(input)).toEqual(["path: is missing: expected a string"]);
  });

  test("has upstream's defaults", () => {
    expect(fileExporterConfig.parse({ path: "x", rotation: null })).toEqual({
      config: {
        path: "x",
        format: "json",
        compression: "none",
        rotation: { maxBytes: 100 * 1024 * 1024, maxDays: 0, maxBackups: 100, localTime: false },
        append: false,
        createDirectory: false,
        directoryMode: 0o755,
      },
    });
    expect(fileExporterConfig.parse({ path: "x" })).toMatchObject({ config: { rotation: undefined } });
  });

  test("names what is wrong", () => {
    expect(problems({ path: "x", group_by: { enabled: true }, fromat: "json", compression: "gzip" })).toEqual([
      'compression: expected zstd or none, got "gzip"',
      'group_by: "group_by" is not supported yet; remove it',
      'fromat: unknown key "fromat"; did you mean "format"?',
    ]);
    expect(problems({ path: "x", append: true, rotation: {}, compression: "zstd" })).toEqual([
      "append: cannot be combined with rotation, which appends anyway",
      "append: cannot be combined with compression",
    ]);
  });
});
