import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Writer } from "#wire";
import { recorded } from "../testing/recorded.ts";
import { detectLayout } from "./detect-layout.ts";
import { Refusal, type Detection, type DetectionPrior } from "./detection.ts";
import type { Layout } from "./layout.ts";

/** A sample without field numbers. */
interface AbstractSample {
  readonly stack: number;
  readonly attributes: readonly number[];
  readonly link: number;
  readonly values: readonly number[];
  readonly timestamps: readonly bigint[];
}

interface AbstractRequest {
  /** Key (a string) of each attribute; the first is the null element. */
  readonly keys: readonly number[];
  readonly links: number;
  readonly samples: readonly AbstractSample[];
  readonly profileId: boolean;
  readonly packed: boolean;
}

const STRINGS = ["", "samples", "count", "cpu", "nanoseconds", "thread.name", "thread.id", "process.pid", "x"];

/** Writes a request of D9 or D10, which differ in the numbers of Sample's fields. */
function encode(request: AbstractRequest, layout: "D9" | "D10"): Uint8Array {
  const [values, attributes, link] = layout === "D9" ? [2, 3, 4] : [4, 2, 3];
  const writer = new Writer(1024);
  const numbers = (field: number, list: readonly number[]): void => {
    if (list.length === 0) return;
    if (!request.packed) for (const one of list) writer.varint(field, one);
    else {
      writer.open(field);
      for (const one of list) writer.rawVarint(one);
      writer.close();
    }
  };
  writer.open(1);
  writer.open(2);
  writer.open(2);
  writer.open(1);
  writer.varint(1, 1);
  writer.varint(2, 2);
  writer.close();
  for (const sample of request.samples) {
    writer.open(2);
    if (sample.stack > 0) writer.varint(1, sample.stack);
    numbers(attributes, sample.attributes);
    if (sample.link > 0) writer.varint(link, sample.link);
    numbers(values, sample.values);
    if (sample.timestamps.length > 0) {
      if (request.packed) writer.open(5);
      for (const timestamp of sample.timestamps) {
        if (request.packed) writer.rawFixed64(timestamp);
        else writer.fixed64(5, timestamp);
      }
      if (request.packed) writer.close();
    }
    writer.close();
  }
  writer.fixed64(3, 1_760_000_000_000_000_000n);
  if (request.profileId) writer.bytes(7, new Uint8Array(16).fill(7));
  writer.close();
  writer.close();
  writer.close();
  writer.open(2);
  for (let entry = 0; entry < request.links; entry++) writer.bytes(4, new Uint8Array(0));
  for (const text of STRINGS) writer.string(5, text);
  for (const [index, key] of request.keys.entries()) {
    writer.open(6);
    if (key > 0) writer.varint(1, key);
    if (index > 0) {
      writer.open(2);
      writer.string(1, `value ${index}`);
      writer.close();
    }
    writer.close();
  }
  writer.bytes(7, new Uint8Array(0));
  writer.bytes(7, Uint8Array.from([0x0a, 0x01, 0x01]));
  writer.close();
  return writer.finish();
}

/** As agents write them: values are counts or nanoseconds, timestamps go with them one by one or stand alone. */
const arbitrarySample = (attributes: number, links: number): fc.Arbitrary<AbstractSample> =>
  fc
    .record({
      stack: fc.nat(1),
      attributes: fc.uniqueArray(fc.integer({ min: 1, max: Math.max(1, attributes - 1) }), { maxLength: 3 }),
      link: fc.nat(Math.max(0, links - 1)),
      shape: fc.constantFrom("values", "timestamps", "both"),
      count: fc.integer({ min: 1, max: 4 }),
      value: fc.integer({ min: 1, max: 1_000_000 }),
    })
    .map(({ shape, count, value, attributes: chosen, ...sample }) => ({
      ...sample,
      attributes: attributes > 1 ? chosen : [],
      values:
        shape === "timestamps" ? [] : Array.from({ length: shape === "values" ? 1 : count }, (_n, at) => value + at),
      timestamps:
        shape === "values" ? [] : Array.from({ length: count }, (_n, at) => 1_760_000_000_000_000_000n + BigInt(at)),
    }));

const arbitraryRequest: fc.Arbitrary<AbstractRequest> = fc
  .record({
    attributes: fc.integer({ min: 1, max: 12 }),
    links: fc.integer({ min: 0, max: 4 }),
    profileId: fc.boolean(),
    packed: fc.boolean(),
  })
  .chain(({ attributes, links, profileId, packed }) =>
    fc.record({
      keys: fc.constant(Array.from({ length: attributes }, (_none, at) => (at === 0 ? 0 : 5 + (at % 4)))),
      links: fc.constant(links),
      profileId: fc.constant(profileId),
      packed: fc.constant(packed),
      samples: fc.array(arbitrarySample(attributes, links), { minLength: 1, maxLength: 8 }),
    }),
  );

function detected(bytes: Uint8Array, prior?: DetectionPrior): Detection {
  const detection = detectLayout(bytes, prior);
  if (detection instanceof Refusal) throw new Error(detection.message);
  return detection;
}

function refused(bytes: Uint8Array): string {
  const detection = detectLayout(bytes);
  return detection instanceof Refusal ? `${detection.reason}: ${detection.message}` : "accepted";
}

const SAMPLE: AbstractSample = { stack: 1, attributes: [], link: 0, values: [], timestamps: [] };
const TABLES = { keys: [0, 5, 6, 7], links: 2, profileId: true, packed: true };

describe("samples of 1.9 and 1.10", () => {
  test.each(["D9", "D10"] as const)("made up, of %s, are hardly ever taken for the other", (layout) => {
    let wrong = 0;
    let sure = 0;
    let runs = 0;
    fc.assert(
      fc.property(arbitraryRequest, (request) => {
        runs++;
        const detection = detected(encode(request, layout));
        if (detection.candidates.includes(layout)) return;
        wrong++;
        if (detection.confidence === "certain") sure++;
      }),
      { numRuns: 1500, seed: 20_261_122 },
    );
    expect(wrong / runs).toBeLessThan(0.01);
    expect(sure).toBe(0);
  });

  test.each(["D9", "D10"] as const)("of agents that send timestamps and attributes are told apart: %s", (layout) => {
    const timestamps = [1n, 2n, 3n].map((at) => 1_760_000_000_000_000_000n + at);
    const samples = [
      { ...SAMPLE, attributes: [1, 2], timestamps },
      { ...SAMPLE, attributes: [1, 2, 3], link: 1, timestamps: timestamps.slice(1) },
    ];
    const detection = detected(encode({ ...TABLES, samples }, layout));
    expect(detection).toMatchObject({ layout, candidates: [layout], confidence: "certain" });
  });

  test.each(["D9", "D10"] as const)(
    "as async-profiler writes them, single numbers unpacked, are told apart: %s",
    (layout) => {
      const samples = Array.from({ length: 20 }, (_none, at) => ({
        ...SAMPLE,
        attributes: at % 3 === 0 ? [] : [1 + (at % 3)],
        values: [10_000_000 + at * 7],
      }));
      const detection = detected(encode({ ...TABLES, links: 0, packed: false, samples }, layout));
      expect(detection).toMatchObject({ layout, candidates: [layout] });
    },
  );

  test("with timestamps alone read the same in both, and the sender decides", () => {
    const request = { ...TABLES, samples: [{ ...SAMPLE, timestamps: [1_760_000_000_000_000_000n] }] };
    const bytes = encode(request, "D9");
    expect(encode(request, "D10")).toEqual(bytes);
    expect(detected(bytes)).toMatchObject({ layout: "D10", candidates: ["D9", "D10"], confidence: "certain" });
    expect(detected(bytes, { userAgent: "OpenTelemetry Collector Contrib/0.146.0 (linux/amd64)" }).layout).toBe("D9");
    expect(detected(bytes, { lastLayout: "D9" }).layout).toBe("D9");
    expect(detected(bytes, { lastLayout: "D9", developmentVersion: "1" }).layout).toBe("D10");
  });

  test("that could be both are the newest, unless the sender is known", () => {
    // One value that is an attribute as well, one attribute that is a link as well.
    const samples = [{ ...SAMPLE, values: [1], timestamps: [1_760_000_000_000_000_000n], attributes: [1] }];
    const bytes = encode({ keys: [0, 5], links: 2, profileId: true, packed: false, samples }, "D9");
    expect(detected(bytes).confidence).not.toBe("certain");
    expect(detected(bytes, { lastLayout: "D9" }).layout).toBe("D9");
  });

  test("of both in one request are refused", () => {
    const one = { ...TABLES, samples: [{ ...SAMPLE, attributes: [1, 2], timestamps: [1n] }] };
    const both = Buffer.concat([
      encode({ ...one, samples: [{ ...SAMPLE, attributes: [1, 2], values: [5] }] }, "D9"),
      encode({ ...one, samples: [{ ...SAMPLE, attributes: [1, 2], values: [5] }] }, "D10"),
    ]);
    expect(refused(both)).toBe("mixed: samples of 1.9 and of 1.10 in one request");
  });
});

/** A message of LEN fields. */
function message(...fields: readonly (readonly [number, Uint8Array | string])[]): Uint8Array {
  const writer = new Writer(64);
  for (const [field, value] of fields) writer.bytes(field, typeof value === "string" ? Buffer.from(value) : value);
  return writer.finish();
}

describe("what is no request of profiles", () => {
  test("a raw pprof file", () => {
    const valueType = Uint8Array.from([0x08, 0x01, 0x10, 0x02]);
    const sample = Uint8Array.from([0x0a, 0x01, 0x01, 0x12, 0x01, 0x05]);
    const pprof = message([1, valueType], [2, sample], [6, ""], [6, "samples"], [6, "count"]);
    const writer = new Writer(8);
    writer.varint(9, 1_760_000_000);
    writer.varint(12, 10);
    expect(refused(Buffer.concat([pprof, writer.finish()]))).toMatch(/^not-otlp/);
  });

  test("gzip, text and requests of other signals", () => {
    expect(refused(Uint8Array.from([0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00]))).toMatch(/^(not-otlp|malformed)/);
    expect(refused(Buffer.from("hello, world"))).toMatch(/^(not-otlp|malformed)/);
    const span = message([1, "0123456789abcdef"], [2, "01234567"], [5, "GET /"]);
    const times = new Writer(16);
    times.fixed64(7, 1n);
    times.fixed64(8, 2n);
    const spans = message([1, message([2, message([2, Buffer.concat([span, times.finish()])])])]);
    expect(refused(spans)).toMatch(/^(not-otlp|unresolvable)/);
  });

  test("an export request of 1.6, whose tables are missing", () => {
    const { bytes } = recorded("otlp-profiles/d6/l1-export-request.protobuf-go.pb")[0]!;
    expect(refused(bytes)).toBe("unresolvable: profiles without dictionary (1.6 export request?)");
  });
});

describe("requests that say little", () => {
  test.each([
    ["zero bytes", new Uint8Array(0)],
    ["an empty dictionary", Uint8Array.from([0x12, 0x00])],
    ["an empty dictionary with its string", Uint8Array.from([0x12, 0x02, 0x2a, 0x00])],
    ["an empty resource", Uint8Array.from([0x0a, 0x00])],
  ])("%s can be any layout", (_name, bytes) => {
    expect(detected(bytes)).toMatchObject({ layout: "D10", empty: true });
    expect(detected(bytes, { service: "v1experimental" }).layout).toBe("E");
  });

  test("a profile without samples is never a reason to refuse", () => {
    const odd = message([1, message([2, message([2, message([3, "x"], [30, "y"])])])]);
    expect(detected(odd).confidence).toBe("assumed");
  });

  test("the sender's version contradicting the bytes is told", () => {
    const { bytes } = recorded("otlp-profiles/d8/l1.collector.pb")[0]!;
    const detection = detected(bytes, { developmentVersion: "1" });
    expect(detection.layout).toBe<Layout>("D8");
    expect(detection.evidence.join()).toContain("D10");
  });
});
