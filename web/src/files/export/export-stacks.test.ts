/// <reference types="node" />
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFolded, readPprof, writeFolded } from "#formats";
import { detectLayout, ParseError, type ProfilesModel, readProfiles, Refusal } from "#otlp";
import { goPprof } from "../../../../src/formats/testing/programs.ts";
import { hasProgram } from "../../../../test/has-program.ts";
import { type FlameMeasure, FrameTable, REMAINDER_FRAME, type StackTable } from "../../flame/index.ts";
import {
  COUNTS,
  NAMES,
  namedFrames,
  type PlainStack,
  plainStacks,
  tableOf,
} from "../../flame/testing/random-stacks.ts";
import type { FileProfile } from "../file-profile.ts";
import { readFile } from "../read-file.ts";
import type { ExportFormat } from "./export-format.ts";
import { exportStacks } from "./export-stacks.ts";

const MEASURE: FlameMeasure = { ...COUNTS, omitted: 0 };
const CPU: FlameMeasure = { type: "cpu", unit: "nanoseconds", coveredMs: 60_000, otherCoveredMs: 30_000, omitted: 0 };
/** Frames with all that a frame has. */
const FRAMES = FrameTable.of([
  { name: "main.main", file: "/srv/main.go", line: 12, type: "go", mapping: "/srv/app" },
  { name: "net/http.(*conn).serve", file: "/go/http.go", line: 1800, type: "go", mapping: "/srv/app" },
  { name: "do_syscall_64", file: "", line: 0, type: "kernel", mapping: "" },
  { name: "große; Funktion", file: "", line: 0, type: "native", mapping: "/lib/libc.so.6" },
  { name: "stack too deep", file: "", line: 0, type: "truncated", mapping: "" },
]);
const STACKS: readonly PlainStack[] = [
  { frames: [0, 1, 2], value: 3, other: 5 },
  { frames: [0, 3], value: 70_000_000_000, other: 0 },
  { frames: [0, 4], value: 1, other: 9 },
];

async function saved(
  format: ExportFormat,
  stacks: StackTable,
  frames = FRAMES,
  measure = CPU,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await exportStacks(format, stacks, frames, measure)).arrayBuffer());
}

async function opened(bytes: Uint8Array<ArrayBuffer>, sampleType?: number): Promise<FileProfile> {
  const profile = await readFile(new Blob([bytes]), sampleType, () => {});
  if (profile instanceof Error) throw profile;
  return profile;
}

/** Values by path. */
function sums({ stacks, frames }: Pick<FileProfile, "stacks" | "frames">): Map<string, number> {
  const found = new Map<string, number>();
  for (let at = 0; at < stacks.length; at++) {
    const path = Array.from(stacks.frames.subarray(stacks.offsets[at], stacks.offsets[at + 1]), (frame) =>
      frames.name(frame),
    ).join(" < ");
    if (stacks.values[at]! > 0) found.set(path, (found.get(path) ?? 0) + stacks.values[at]!);
  }
  return found;
}

function sound(model: ProfilesModel | ParseError): ProfilesModel {
  if (model instanceof ParseError) throw new Error(model.message);
  return model;
}

describe("a graph that is saved", () => {
  test.each(["pprof", "otlp", "speedscope"] as const)("as %s opens again with the same stacks", async (format) => {
    const stacks = plainStacks.filter((all) => all.some(({ frames }) => frames.length > 0));
    await fc.assert(
      fc.asyncProperty(stacks, async (plain) => {
        const own = { stacks: tableOf(plain), frames: namedFrames() };
        const again = await opened(await saved(format, own.stacks, own.frames, MEASURE));
        expect(sums(again)).toEqual(sums(own));
        expect(again.sampleTypes).toHaveLength(1);
      }),
      { numRuns: 50 },
    );
  });

  test("as OTLP opens again where the request begins as JSON might: its first message has 123 bytes, a brace", async () => {
    const plain = [...Array.from({ length: 13 }, () => ({ frames: [], value: 1 })), { frames: [0], value: 1 << 21 }];
    const own = { stacks: tableOf(plain.map((one) => ({ ...one, other: 0 }))), frames: namedFrames() };
    const bytes = await saved("otlp", own.stacks, own.frames, MEASURE);
    expect(new TextDecoder().decode(bytes.subarray(0, 2))).toBe("\n{");
    expect(sums(await opened(bytes))).toEqual(sums(own));
  });

  test("as folded stacks is read by the command line's reader", async () => {
    await fc.assert(
      fc.asyncProperty(plainStacks, async (plain) => {
        const model = sound(readFolded(await saved("folded", tableOf(plain), namedFrames(), MEASURE)));
        const values = new Map<string, number>();
        for (const { frames, value } of plain) {
          const path = frames.length === 0 ? "[no stack]" : frames.map((frame) => NAMES[frame]!).join(";");
          values.set(path, (values.get(path) ?? 0) + value);
        }
        const lines = [...values].map(([path, value]) => `${path} ${value}`);
        const read = new TextDecoder().decode(writeFolded(model)).split("\n");
        expect(read.filter((line) => line !== "").sort()).toEqual(lines.sort());
      }),
      { numRuns: 50 },
    );
  });

  test("keeps what frames are, in OTLP all of it", async () => {
    const { frames } = await opened(await saved("otlp", tableOf(STACKS)));
    const texts = Array.from({ length: frames.length }, (_, frame) => frames.text(frame));
    for (const name of ["main.main", "net/http.(*conn).serve", "do_syscall_64", "große; Funktion"]) {
      const wanted = Array.from({ length: FRAMES.length }, (_, frame) => FRAMES.text(frame));
      expect(texts.find((text) => text.name === name)).toEqual(wanted.find((text) => text.name === name));
    }
    expect(texts.find(({ name }) => name === "stack too deep")?.type).toBe("abort-marker");
  });

  test("as pprof tells kernel frames, the time it covers, and names them to the command line", async () => {
    const bytes = await saved("pprof", tableOf(STACKS));
    const profile = await opened(bytes);
    const { frames } = profile;
    const kernel = Array.from({ length: frames.length }, (_, frame) => frames.text(frame)).find(
      ({ name }) => name === "do_syscall_64",
    );
    expect(kernel?.type).toBe("kernel");
    expect(profile.coveredMs).toBe(60_000);
    expect(new TextDecoder().decode(writeFolded(sound(readPprof(bytes))))).toContain(
      "main.main;net/http.(*conn).serve;do_syscall_64",
    );
  });

  test("as OTLP is a request of the layout that the newest receivers take, without findings", async () => {
    const bytes = await saved("otlp", tableOf(STACKS));
    const detection = detectLayout(bytes);
    if (detection instanceof Refusal) throw new Error(detection.message);
    expect(detection.layout).toBe("D10");
    expect(sound(readProfiles(bytes, "D10")).findings).toEqual([]);
  });

  test("names nothing but what its stacks use", async () => {
    const focused = tableOf([{ frames: [0], value: 3, other: 0 }]);
    for (const format of ["pprof", "otlp", "folded", "speedscope"] as const) {
      const blob = await exportStacks(format, focused, FRAMES, CPU);
      const stream = format === "pprof" ? blob.stream().pipeThrough(new DecompressionStream("gzip")) : blob.stream();
      const text = await new Response(stream).text();
      expect(text).toContain("main.main");
      expect(text).not.toContain("do_syscall_64");
    }
  });

  test("keeps the sum of values that are not whole, and calls what was left out by its name", async () => {
    const table: StackTable = {
      length: 4,
      offsets: Int32Array.of(0, 1, 2, 3, 4),
      frames: Int32Array.of(0, 1, 2, REMAINDER_FRAME),
      values: Float64Array.of(0.4, 0.4, 0.4, 2.8),
      others: undefined,
    };
    for (const format of ["pprof", "otlp", "speedscope", "folded"] as const) {
      const again = sums(await opened(await saved(format, table)));
      expect([...again.values()].reduce((sum, value) => sum + value, 0)).toBe(4);
      expect([...again.keys()]).toContain("(too small to show)");
    }
  });
});

describe("a comparison that is saved", () => {
  const table = tableOf(STACKS, true);

  test.each(["pprof", "otlp"] as const)("as %s has a sample type for each selection", async (format) => {
    const bytes = await saved(format, table);
    const first = await opened(bytes, 0);
    expect(first.sampleTypes.map(({ type }) => type)).toEqual(["cpu", "cpu_other"]);
    expect([...sums(first).values()]).toEqual([3, 70_000_000_000, 1]);
    expect([...sums(await opened(bytes, 1)).values()]).toEqual([5, 9]);
  });

  test("as speedscope has a profile for each selection", async () => {
    const { profiles } = JSON.parse(new TextDecoder().decode(await saved("speedscope", table))) as {
      profiles: { name: string; weights: number[]; endValue: number }[];
    };
    expect(profiles.map(({ name, weights, endValue }) => ({ name, weights, endValue }))).toEqual([
      { name: "cpu", weights: [3, 70_000_000_000, 1], endValue: 70_000_000_004 },
      { name: "cpu_other", weights: [5, 9], endValue: 14 },
    ]);
  });

  test("as folded stacks has two numbers a line", async () => {
    expect(new TextDecoder().decode(await saved("folded", table))).toBe(
      "main.main;net/http.(*conn).serve;do_syscall_64 3 5\n" +
        "main.main;große: Funktion 70000000000 0\nmain.main;stack too deep 1 9\n",
    );
  });

  test.skipIf(!hasProgram("go", "version"))("is read by go tool pprof, either selection", async () => {
    const bytes = await saved("pprof", table);
    const top = (index: string): string => goPprof(bytes, "-top", "-unit=ns", `-sample_index=${index}`);
    expect(top("cpu")).toMatch(/70000000000ns.*große; Funktion/);
    expect(top("cpu")).toMatch(/Duration: 60s/);
    expect(top("cpu_other")).toMatch(/5ns.*do_syscall_64/);
    expect(top("cpu_other")).not.toMatch(/5ns.*große/);
  });
});
