import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { detectLayout, loadTranscoder, ParseError, readProfiles, Refusal } from "#otlp";
import { BufferPool } from "#wire";
import { loadProfiles } from "../input/load-profiles.ts";
import type { InputRequest } from "../input/read-input.ts";
import { FileReport } from "./file-report.ts";
import { partSizes } from "./table-sizes.ts";
import { tableUsage } from "./table-usage.ts";

const VECTORS = new URL("../../../testdata/otlp-profiles/", import.meta.url);
const files = globSync("*/*.{pb,json}", { cwd: VECTORS }).filter((file) => !/expected|manifest/.test(file));
const vector = (file: string): Buffer => readFileSync(new URL(file, VECTORS));

function request(bytes: Uint8Array): InputRequest {
  return {
    kind: "request",
    place: "file",
    file: "file",
    wrapping: [],
    bytes,
    framedBytes: bytes.length,
    http: undefined,
  };
}

/** What is told about bytes, read or not. */
async function reported(bytes: Uint8Array): Promise<string> {
  const report = new FileReport("file");
  const loaded = await loadProfiles(request(bytes));
  if (loaded.kind === "problem") return loaded.message;
  report.add(loaded);
  return report.lines().join("\n");
}

/** Numbers that look random and are the same each time. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ;) yield (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
}

describe("a report", () => {
  test.each(files)("of %s accounts for every byte and entry", (file) => {
    const bytes = vector(file);
    const detection = detectLayout(bytes);
    if (detection instanceof Refusal) return;
    const model = readProfiles(bytes, detection.layout);
    if (model instanceof ParseError) throw new Error(model.message);
    const sizes = partSizes(bytes, detection.layout);
    expect(Object.values(sizes).reduce((sum, size) => sum + size)).toBe(bytes.length);
    expect(Math.min(...Object.values(sizes))).toBeGreaterThanOrEqual(0);
    for (const { entries, unused, duplicates } of Object.values(tableUsage(model))) {
      expect(unused).toBeLessThanOrEqual(entries);
      expect(duplicates).toBeLessThanOrEqual(entries);
    }
  });

  test("counts what the noisy vector has in vain", () => {
    const bytes = vector("d10/l4-table-noise.protobuf-go.pb");
    const model = readProfiles(bytes, "D10");
    if (model instanceof ParseError) throw new Error(model.message);
    const usage = tableUsage(model);
    const noise = Object.entries(usage).filter(([, { unused, duplicates }]) => unused + duplicates > 0);
    expect(Object.fromEntries(noise)).toMatchInlineSnapshot(`
      {
        "attributes": {
          "duplicates": 10,
          "entries": 26,
          "unused": 1,
        },
        "functions": {
          "duplicates": 0,
          "entries": 11,
          "unused": 1,
        },
        "links": {
          "duplicates": 0,
          "entries": 1,
          "unused": 1,
        },
        "locations": {
          "duplicates": 0,
          "entries": 19,
          "unused": 1,
        },
        "mappings": {
          "duplicates": 0,
          "entries": 4,
          "unused": 1,
        },
        "strings": {
          "duplicates": 0,
          "entries": 36,
          "unused": 5,
        },
      }
    `);
  });

  test("adds requests up", async () => {
    const report = new FileReport("many");
    for (let times = 0; times < 3; times++) {
      const loaded = await loadProfiles(request(vector("d9/l1.collector.pb")));
      if (loaded.kind === "problem") throw new Error(loaded.message);
      report.add(loaded);
    }
    const text = report.lines().join("\n");
    expect(text).toMatch(/^many: 3 requests, /);
    expect(text).toMatch(/^2 resources, 6 scopes, 6 profiles, /m);
    expect(text).toMatch(/ 3 profiles .* 168 timestamps /);
  });

  test("is not made of other signals, whose envelopes are the same", async () => {
    const { jsonToProtobuf } = await loadTranscoder();
    const resource = { attributes: [{ key: "service.name", value: { stringValue: "x" } }] };
    const span = { traceId: "4bdc558f0f0650e3ccaac8f3ae133954", spanId: "8820ee5366817639", name: "GET", kind: 2 };
    const points = [{ asInt: "5", timeUnixNano: "1700000000123456789" }];
    const log = { timeUnixNano: "1700000000123456789", body: { stringValue: "hello" }, severityNumber: 9 };
    for (const [signal, json] of [
      ["traces", { resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }],
      [
        "metrics",
        {
          resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints: points } }] }] }],
        },
      ],
      ["logs", { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [log] }] }] }],
    ] as const) {
      const buffer = jsonToProtobuf(signal, Buffer.from(JSON.stringify(json)), new BufferPool());
      if (buffer instanceof ParseError) throw new Error(buffer.message);
      expect(await reported(buffer.bytes)).toBe(`holds OTLP ${signal}, not profiles`);
      expect(await reported(Buffer.from(JSON.stringify(json)))).toBe("a request of another signal");
    }
  });

  test("can be made of any bytes", async () => {
    const random = numbers(1);
    for (const file of files) {
      const whole = vector(file);
      for (let times = 0; times < 12; times++) {
        const bytes = Buffer.from(
          whole.subarray(0, random.next().value % 5 === 0 ? random.next().value % (whole.length + 1) : whole.length),
        );
        for (let flips = random.next().value % 4; flips > 0 && bytes.length > 0; flips--) {
          bytes[random.next().value % bytes.length]! ^= 1 << (random.next().value % 8);
        }
        expect((await reported(bytes)).length).toBeGreaterThan(0);
      }
    }
  });
});
