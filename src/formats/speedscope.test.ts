import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeResource, type ProfilesModel } from "#otlp";
import { ParseError } from "#wire";
import { detectFormat } from "./formats.ts";
import { readFolded, writeFolded } from "./folded.ts";
import { readPprof } from "./pprof-reader.ts";
import { readSpeedscope } from "./speedscope-reader.ts";
import { writeSpeedscope } from "./speedscope-writer.ts";

interface File {
  readonly $schema: string;
  readonly name: string;
  readonly activeProfileIndex: number;
  readonly shared: {
    readonly frames: readonly { readonly name: string; readonly file?: string; readonly line?: number }[];
  };
  readonly profiles: readonly {
    readonly type: string;
    readonly name: string;
    readonly unit: string;
    readonly startValue: number;
    readonly endValue: number;
    readonly samples: readonly (readonly number[])[];
    readonly weights: readonly number[];
  }[];
}

const SCHEMA = "https://www.speedscope.app/file-format-schema.json";
const goHeap = readFileSync(new URL("../../testdata/formats/go-heap.pb.gz", import.meta.url));

describe("reading speedscope", () => {
  const frames = [{ name: "main", file: "main.c", line: 3 }, { name: "run" }, { name: "read" }];

  test("turns weights of sampled profiles into whole nanoseconds", () => {
    const model = read({
      $schema: SCHEMA,
      shared: { frames },
      profiles: [
        {
          type: "sampled",
          name: "main thread",
          unit: "milliseconds",
          startValue: 0,
          endValue: 3.5,
          samples: [[0, 1], [0]],
          weights: [1.5, 2],
        },
      ],
    });
    expect(fold(model)).toBe("main 2000000\nmain;run 1500000\n");
    expect(fold(model, { groupBy: ["speedscope.profile.name"] })).toContain("main thread;main;run 1500000");
  });

  test("counts an evented stack until the next event", () => {
    const event = (type: string, frame: number, at: number) => ({ type, frame, at });
    const events = [
      event("O", 0, 10),
      event("O", 1, 12),
      event("C", 1, 15),
      event("O", 2, 15),
      event("C", 2, 19),
      event("C", 0, 20),
    ];
    const model = read({
      $schema: SCHEMA,
      shared: { frames },
      profiles: [{ type: "evented", name: "t", unit: "none", startValue: 10, endValue: 30, events }],
    });
    expect(fold(model)).toBe("main 3\nmain;read 4\nmain;run 3\n");
  });

  test.each([
    ["shared.frames[0]: has no name", { shared: { frames: [{}] }, profiles: [] }],
    ["profiles: is no list", { shared: { frames } }],
    ['profiles[0].unit: "parsecs" is no unit of speedscope', { shared: { frames }, profiles: [{ unit: "parsecs" }] }],
    [
      "profiles[0].samples[0][1]: frame 9 does not exist",
      { shared: { frames }, profiles: [{ type: "sampled", samples: [[0, 9]], weights: [1] }] },
    ],
    [
      "profiles[0].weights: 0 weights for 1 samples",
      { shared: { frames }, profiles: [{ type: "sampled", samples: [[0]], weights: [] }] },
    ],
    [
      "profiles[0].events[1]: is at 1, before 2",
      {
        shared: { frames },
        profiles: [
          {
            type: "evented",
            events: [
              { type: "O", frame: 0, at: 2 },
              { type: "C", frame: 0, at: 1 },
            ],
          },
        ],
      },
    ],
    [
      "profiles[0].events[1]: closes a frame that is not the innermost open one",
      {
        shared: { frames },
        profiles: [
          {
            type: "evented",
            events: [
              { type: "O", frame: 0, at: 1 },
              { type: "C", frame: 1, at: 2 },
            ],
          },
        ],
      },
    ],
  ])("says %s", (message, file) => {
    const result = readSpeedscope(Buffer.from(JSON.stringify(file)));
    expect((result as ParseError).message).toBe(message);
  });

  test("answers to every prefix and to odd JSON", () => {
    const text = Buffer.from(writeSpeedscope(readFolded(Buffer.from("a;b 1\na;c 2\n")) as ProfilesModel));
    for (let end = 0; end < text.length; end++)
      expect(readSpeedscope(text.subarray(0, end))).toBeInstanceOf(ParseError);
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (frames, profiles) => {
        const result = readSpeedscope(Buffer.from(JSON.stringify({ shared: { frames }, profiles })));
        if (!(result instanceof ParseError)) writeSpeedscope(result);
      }),
    );
    expect(readSpeedscope(Buffer.from("[".repeat(2_000_000)))).toBeInstanceOf(ParseError);
  });

  test("refuses events that would open a million frames inside of each other", () => {
    const events = Array.from({ length: 200_000 }, (_, at) => ({ type: "O", frame: 0, at }));
    const file = { shared: { frames }, profiles: [{ type: "evented", events }] };
    expect(readSpeedscope(Buffer.from(JSON.stringify(file)))).toBeInstanceOf(ParseError);
  });
});

describe("writing speedscope", () => {
  test("keeps to the schema, with a profile for each type of a heap profile", () => {
    const model = readPprof(goHeap) as ProfilesModel;
    const file = write(model);
    check(file);
    expect(file.profiles.map(({ name, unit }) => [name, unit])).toEqual([
      ["inuse_space", "bytes"],
      ["alloc_objects", "none"],
      ["alloc_space", "bytes"],
      ["inuse_objects", "none"],
    ]);
    expect(file.profiles[file.activeProfileIndex]!.name).toBe("inuse_space");
    expect(file.shared.frames.find(({ name }) => name === "main.main")?.file).toMatch(/main\.go$/);
  });

  test("names profiles by service, pod and container", () => {
    const model = readFolded(Buffer.from("main;a 2\n")) as ProfilesModel;
    const resource = encodeResource([
      ["service.name", "checkout"],
      ["k8s.namespace.name", "shop"],
      ["k8s.pod.name", "checkout-1"],
      ["k8s.container.name", "app"],
      ["process.pid", 17n],
    ]);
    const named = { ...model, resources: [{ ...model.resources[0]!, resource }] };
    expect(write(named).profiles[0]!.name).toBe("checkout · shop · checkout-1 · app · pid 17: samples");
    expect(write(named).name).toBe("checkout · shop · checkout-1 · app · pid 17");
  });

  test("orders samples by their timestamps, each with its weight", () => {
    const model = readFolded(Buffer.from("main;a 2\nmain;b 1\n")) as ProfilesModel;
    const [resource] = model.resources;
    const [scope] = resource!.scopes;
    const [profile] = scope!.profiles;
    const samples = {
      ...profile!.samples,
      timestampOffsets: Int32Array.of(0, 2, 3),
      timestamps: BigUint64Array.of(30n, 10n, 20n),
    };
    const timed = {
      ...model,
      resources: [{ ...resource!, scopes: [{ ...scope!, profiles: [{ ...profile!, samples }] }] }],
    };
    const file = write(timed);
    check(file);
    const leaves = file.profiles[0]!.samples.map((stack) => file.shared.frames[stack.at(-1)!]!.name);
    expect(leaves).toEqual(["a", "b", "a"]);
    expect(file.profiles[0]!.weights).toEqual([1, 1, 1]);
  });

  test("says the same when it is read again, and is known by its bytes", () => {
    const model = readFolded(Buffer.from("main;a 2\nmain;b;c 1\n")) as ProfilesModel;
    const bytes = writeSpeedscope(model);
    expect(detectFormat(bytes)).toBe("speedscope");
    expect(fold(readSpeedscope(bytes) as ProfilesModel)).toBe(fold(model));
  });
});

/** The rules of speedscope's schema and importer. */
function check(file: File): void {
  expect(file.$schema).toBe(SCHEMA);
  expect(typeof file.name).toBe("string");
  expect(file.profiles[file.activeProfileIndex]).toBeDefined();
  for (const { name, file: source, line, ...rest } of file.shared.frames) {
    expect(name).not.toBe("");
    expect(["string", "undefined"]).toContain(typeof source);
    expect(line === undefined || Number.isInteger(line)).toBe(true);
    expect(rest).toEqual({});
  }
  for (const profile of file.profiles) {
    expect(profile.type).toBe("sampled");
    expect(["none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"]).toContain(profile.unit);
    expect(profile.samples).toHaveLength(profile.weights.length);
    expect(profile.endValue).toBeGreaterThanOrEqual(profile.startValue);
    expect(profile.weights.every((weight) => weight > 0)).toBe(true);
    for (const frame of profile.samples.flat()) expect(file.shared.frames[frame]).toBeDefined();
  }
}

function read(file: unknown): ProfilesModel {
  const model = readSpeedscope(Buffer.from(JSON.stringify(file)));
  if (model instanceof ParseError) throw new Error(model.message);
  return model;
}

function write(model: ProfilesModel): File {
  return JSON.parse(Buffer.from(writeSpeedscope(model)).toString()) as File;
}

function fold(model: ProfilesModel, options = {}): string {
  return Buffer.from(writeFolded(model, options)).toString();
}
