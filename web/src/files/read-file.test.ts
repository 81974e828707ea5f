import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFolded, readPprof, sampleValue, writeFolded, writePprof, writeSpeedscope } from "#formats";
import { loadTranscoder, ParseError, type ProfilesModel, readProfiles } from "#otlp";
import { BufferPool } from "#wire";
import { buildTree, FrameTable, transformStacks } from "../flame/index.ts";
import { exportStacks } from "./export/export-stacks.ts";
import { FileProblem, type FileProfile } from "./file-profile.ts";
import { readFile } from "./read-file.ts";

const testdata = (path: string): Uint8Array => readFileSync(new URL(`../../../testdata/${path}`, import.meta.url));
const blobOf = (bytes: Uint8Array | string): Blob => new Blob([typeof bytes === "string" ? bytes : bytes.slice()]);

async function opened(bytes: Uint8Array | string, sampleType?: number): Promise<FileProfile> {
  const profile = await readFile(blobOf(bytes), sampleType, () => {});
  if (profile instanceof FileProblem) throw profile;
  return profile;
}

async function problem(bytes: Uint8Array | string): Promise<FileProblem> {
  const profile = await readFile(blobOf(bytes), undefined, () => {});
  if (!(profile instanceof FileProblem)) throw new Error("was read");
  return profile;
}

/** Value by stack, as folded text has it. */
function folded({ stacks, frames }: FileProfile): Map<string, number> {
  const found = new Map<string, number>();
  for (let stack = 0; stack < stacks.length; stack++) {
    const ids = stacks.frames.subarray(stacks.offsets[stack], stacks.offsets[stack + 1]);
    const names = Array.from(ids, (frame) =>
      frames
        .name(frame)
        .replaceAll(";", ":")
        .replace(/[\r\n]+/g, " "),
    );
    const text = names.length === 0 ? "[no stack]" : names.join(";");
    found.set(text, (found.get(text) ?? 0) + stacks.values[stack]!);
  }
  return found;
}

/** The same by the readers and the writer of the command line; what counts 0 or less left out. */
function oracle(model: ProfilesModel | ParseError, sampleType?: string): Map<string, number> {
  if (model instanceof ParseError) throw new Error(model.message);
  const text = new TextDecoder().decode(writeFolded(model, sampleType === undefined ? {} : { sampleType }));
  const lines = text.split("\n").filter((line) => line !== "");
  const values = lines.map((line): [string, number] => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  });
  return new Map(values.filter(([, value]) => value > 0));
}

describe("a pprof file", () => {
  test.each(["go-cpu.pb.gz", "go-heap.pb.gz", "go-goroutine.pb.gz"])(
    "has the stacks that the command line's reader finds: %s",
    async (name) => {
      const bytes = testdata(`formats/${name}`);
      const profile = await opened(bytes);
      expect(profile.format).toBe("pprof");
      for (const [at, { type }] of profile.sampleTypes.entries()) {
        const one = await opened(bytes, at);
        expect(one.sampleType).toBe(at);
        expect(folded(one)).toEqual(oracle(readPprof(bytes), type));
      }
    },
  );

  test("shows the type that it names, else the last one, as pprof does", async () => {
    const cpu = await opened(testdata("formats/go-cpu.pb.gz"));
    expect(cpu.sampleTypes[cpu.sampleType]).toEqual({ type: "cpu", unit: "nanoseconds" });
    expect(cpu.coveredMs).toBeGreaterThan(0);
    const heap = await opened(testdata("formats/go-heap.pb.gz"));
    expect(heap.sampleTypes[heap.sampleType]).toEqual({ type: "inuse_space", unit: "bytes" });
    expect(heap.coveredMs).toBeUndefined();
  });

  test("never throws, whatever its bytes are", async () => {
    const plain = await bytesOf(
      new Blob([testdata("formats/go-goroutine.pb.gz").slice()]).stream().pipeThrough(new DecompressionStream("gzip")),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(plain.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        fc.nat(plain.length),
        async (edits, length) => {
          const broken = plain.slice(0, Math.max(length, 64));
          for (const [at, byte] of edits) if (at < broken.length) broken[at] = byte;
          const profile = await readFile(new Blob([broken]), undefined, () => {});
          if (!(profile instanceof FileProblem)) buildTree(profile.stacks, profile.frames, MEASURE);
        },
      ),
      { numRuns: 300 },
    );
  });
});

const MEASURE = { type: "", unit: "", coveredMs: undefined, otherCoveredMs: undefined };

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
}

describe("folded stacks", () => {
  test("are what the command line's reader finds", async () => {
    const text = "# made up\nmain;a;b 3\r\nmain;a 1\n\nmain;a;b 4\nmain;ü;syscall_[k] 2\nmain;jitted_[j];in_[i] 5\n";
    const profile = await opened(text);
    expect(folded(profile)).toEqual(oracle(readFolded(new TextEncoder().encode(text))));
    const types = Array.from({ length: profile.frames.length }, (_, at) => [
      profile.frames.name(at),
      profile.frames.type(at),
    ]);
    expect(types).toContainEqual(["syscall", "kernel"]);
    expect(types).toContainEqual(["jitted", "jit"]);
    expect(types).toContainEqual(["in", ""]);
  });

  test("of any names and counts come back as they were written", async () => {
    const name = fc
      .string({ minLength: 1, maxLength: 12, unit: "grapheme" })
      .filter((text) => !/[;\s\p{Cc}]|_\[[kij]\]$|^#/u.test(text));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(name, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 1e12 })), {
          minLength: 1,
        }),
        async (stacks) => {
          const expected = new Map<string, number>();
          for (const [names, value] of stacks) {
            expected.set(names.join(";"), (expected.get(names.join(";")) ?? 0) + value);
          }
          const text = stacks.map(([names, value]) => `${names.join(";")} ${value}`).join("\n");
          const read = await readFile(blobOf(`padding;of;a;known;format 1\n${text}`), undefined, () => {});
          if (read instanceof FileProblem) throw read;
          const found = folded(read);
          found.delete("padding;of;a;known;format");
          expect(found).toEqual(expected);
        },
      ),
    );
  });

  test("that count nothing are left out and counted", async () => {
    const profile = await opened("main;a 3\nmain;b 0\nmain;c -4\n");
    expect([profile.stacks.length, profile.ignored]).toEqual([1, 2]);
  });

  test("without a count are refused with the line", async () => {
    const lines = Array.from({ length: 600 }, (_, at) => `main;a${at};with;a;long;name 3`);
    const broken = await problem(`${lines.join("\n")}\nmain;b\n`);
    expect(broken.message).toBe("line 601 has no count at its end");
    expect(broken.remedy).not.toBe("");
  });
});

describe("a file of another format", () => {
  const cpu = readPprof(testdata("formats/go-cpu.pb.gz"));
  if (cpu instanceof ParseError) throw new Error(cpu.message);

  test("is read: speedscope", async () => {
    const profile = await opened(writeSpeedscope(cpu, { sampleType: "cpu" }));
    expect(profile.format).toBe("speedscope");
    const bySum = [...folded(profile).values()].reduce((sum, value) => sum + value, 0);
    expect(bySum).toBeGreaterThan(0);
  });

  test.each(["perf-script-default.txt", "perf-script-flat.txt", "perf-script-header.txt"])(
    "is read: %s",
    async (name) => {
      const profile = await opened(testdata(`formats/${name}`));
      expect(profile.format).toBe("perf-script");
      expect(profile.stacks.length).toBeGreaterThan(0);
    },
  );

  test("is read: .cpuprofile", async () => {
    const file = {
      nodes: [
        { id: 1, callFrame: { functionName: "(root)", url: "", lineNumber: -1, columnNumber: -1 }, children: [2] },
        { id: 2, callFrame: { functionName: "work", url: "file:///srv/app.js", lineNumber: 4, columnNumber: 1 } },
      ],
      samples: [2, 2],
      timeDeltas: [0, 1000],
      startTime: 0,
      endTime: 2000,
    };
    const profile = await opened(JSON.stringify(file));
    expect(profile.format).toBe("cpuprofile");
    expect(folded(profile)).toEqual(new Map([["work", 1_000_000]]));
  });

  test.each(["ebpf-20hz-grpc.binpb", "ebpf-20hz-grpc-v0.164.binpb"])("is read: a request of OTLP, %s", async (name) => {
    const bytes = testdata(`captures/${name}`);
    const profile = await opened(bytes);
    expect(profile.format).toBe("otlp D10");
    const model = readProfiles(bytes, "D10") as ProfilesModel;
    let whole = 0;
    for (const { scopes } of model.resources) {
      for (const { profiles } of scopes) {
        for (const one of profiles)
          for (let at = 0; at < one.samples.length; at++) whole += Number(sampleValue(one, at));
      }
    }
    const tree = buildTree(profile.stacks, profile.frames, MEASURE);
    expect(tree.total[0]).toBe(whole);
    // Resources are the outermost frames.
    expect(tree.childCount(0)).toBeGreaterThan(1);
  });

  test.each(["d4", "d5", "d6", "d7", "d8", "d9", "d10", "e"])("is read: OTLP in layout %s", async (layout) => {
    const profile = await opened(testdata(`otlp-profiles/${layout}/l1.protobuf-go.pb`));
    expect(profile.format).toMatch(/^otlp /);
    expect(profile.stacks.length).toBeGreaterThan(0);
  });

  test("is read: OTLP as JSON", async () => {
    const { protobufToJson } = await loadTranscoder();
    const bytes = testdata("captures/ebpf-20hz-grpc.binpb");
    const json = protobufToJson("profiles", bytes);
    if (json instanceof ParseError) throw new Error(json.message);
    expect(folded(await opened(json))).toEqual(folded(await opened(bytes)));
    expect(new BufferPool().stats.leased).toBe(0);
  });
});

describe("several requests of OTLP in a file", () => {
  const capture = testdata("captures/ebpf-20hz-grpc.binpb");
  const other = testdata("captures/ebpf-20hz-grpc-v0.164.binpb");
  const prefixed = (bytes: Uint8Array, flag: readonly number[] = []): Uint8Array => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    return Buffer.concat([Uint8Array.from(flag), length, bytes]);
  };
  const varint = (bytes: Uint8Array): Uint8Array => {
    const length: number[] = [];
    let left = bytes.length;
    for (; left >= 0x80; left >>>= 7) length.push((left & 0x7f) | 0x80);
    return Buffer.concat([Uint8Array.from([...length, left]), bytes]);
  };
  const sum = (profile: FileProfile): number => [...folded(profile).values()].reduce((all, value) => all + value, 0);
  const both = async (): Promise<number> => sum(await opened(capture)) + sum(await opened(other));

  test.each([
    ["the Collector's file exporter", [prefixed(capture), prefixed(other)]],
    ["gRPC", [prefixed(capture, [0]), prefixed(gzipSync(other), [1])]],
    ["lengths as varints", [varint(capture), varint(other)]],
  ])("are added up: %s", async (_, parts) => {
    const profile = await opened(Buffer.concat(parts));
    expect(profile.format).toBe("otlp D10, 2 requests");
    expect(sum(profile)).toBe(await both());
  });

  test("each of 123 bytes, a brace, are not taken for JSON", async () => {
    const padded = async (length: number): Promise<Uint8Array> => {
      const frames = FrameTable.of([{ name: "f".repeat(length), file: "", line: 0, type: "", mapping: "" }]);
      const stacks = { length: 1, offsets: Int32Array.of(0, 1), frames: Int32Array.of(0), others: undefined };
      const file = await exportStacks("otlp", { ...stacks, values: Float64Array.of(7) }, frames, {
        ...MEASURE,
        omitted: 0,
      });
      return new Uint8Array(await file.arrayBuffer());
    };
    const request = await padded(1 + 123 - (await padded(1)).length);
    expect(request).toHaveLength(123);
    for (const parts of [prefixed(request), prefixed(request, [0]), varint(request)]) {
      const profile = await opened(Buffer.concat([parts, parts]));
      expect(profile.format).toBe("otlp D10, 2 requests");
      expect(sum(profile)).toBe(14);
    }
  });

  test("as JSON, one a line, are added up", async () => {
    const { protobufToJson } = await loadTranscoder();
    const lines = [capture, other].map((bytes) => {
      const json = protobufToJson("profiles", bytes);
      if (json instanceof ParseError) throw new Error(json.message);
      return JSON.stringify(JSON.parse(json));
    });
    const profile = await opened(`${lines.join("\n")}\n\n`);
    expect(profile.format).toBe("otlp-json D10, 2 requests");
    expect(sum(profile)).toBe(await both());
  });

  test("of which the last is cut off show the others, and say so", async () => {
    const whole = Buffer.concat([prefixed(capture), prefixed(other)]);
    const profile = await opened(whole.subarray(0, -100));
    expect(profile.format).toBe("otlp D10, the last one cut off");
    expect(folded(profile)).toEqual(folded(await opened(capture)));
  });

  test("one of which is broken are refused with its number", async () => {
    const broken = await problem(Buffer.concat([prefixed(capture), prefixed(new Uint8Array(300).fill(7))]));
    expect(broken.message).toMatch(/^this is no profile that podflame knows: request 2: /);
  });

  test("never throw, whatever their bytes are", async () => {
    const whole = Buffer.concat([prefixed(capture.subarray(0, 4000)), prefixed(capture)]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        async (edits) => {
          const broken = Uint8Array.from(whole);
          for (const [at, byte] of edits) broken[at] = byte;
          await readFile(blobOf(broken), undefined, () => {});
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("compression", () => {
  const text = "main;a 3\nmain;b 4\n";

  test("with gzip is taken off, and its progress told", async () => {
    const stages = new Set<string>();
    const profile = await readFile(blobOf(gzipSync(text)), undefined, ({ stage, done }) => {
      stages.add(stage);
      expect(done).toBeGreaterThanOrEqual(0);
      expect(done).toBeLessThanOrEqual(1);
    });
    expect(profile).not.toBeInstanceOf(FileProblem);
    expect([...stages]).toEqual(["inflating", "reading"]);
  });

  test("that is cut off is told", async () => {
    expect((await problem(gzipSync(text).subarray(0, 20))).message).toMatch(/^the gzip file is broken/);
  });

  test("with zstd is read, or refused with the command that takes it off", async () => {
    const read = await readFile(blobOf(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0)), undefined, () => {});
    expect(read).toBeInstanceOf(FileProblem);
  });
});

test("an empty file, and one of no known format, are told as such", async () => {
  expect((await problem("")).message).toBe("the file is empty");
  expect((await problem("just some words")).message).toMatch(/^this is no profile that podflame knows/);
  expect((await problem(new Uint8Array(4096).fill(7))).message).toMatch(/^this is no profile that podflame knows/);
});

test("pprof that podflame writes is read alike", async () => {
  const model = readPprof(testdata("formats/go-cpu.pb.gz")) as ProfilesModel;
  const written = await opened(writePprof(model));
  expect(folded(written)).toEqual(folded(await opened(testdata("formats/go-cpu.pb.gz"))));
  const inverted = transformStacks(written.stacks, written.frames, { kind: "invert" });
  expect(inverted.length).toBe(written.stacks.length);
});
