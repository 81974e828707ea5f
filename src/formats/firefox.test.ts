import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  ModelBuilder,
  SamplesBuilder,
  type ProfilesModel,
} from "#otlp";
import { writeFirefox } from "./firefox.ts";
import { readPprof } from "./pprof-reader.ts";

type Table = Readonly<Record<string, readonly unknown[]>> & { readonly length: number };

interface Thread {
  readonly name: string;
  readonly pid: string;
  readonly tid: string;
  readonly processName: string;
  readonly samples: {
    readonly stack: (number | null)[];
    readonly time: number[];
    readonly weight: number[];
    readonly weightType: string;
    readonly length: number;
  };
  readonly stackTable: Table;
  readonly frameTable: Table;
  readonly funcTable: Table;
  readonly resourceTable: Table;
  readonly nativeSymbols: Table;
  readonly markers: Table;
  readonly stringArray: readonly string[];
}

interface File {
  readonly meta: {
    readonly preprocessedProfileVersion: number;
    readonly startTime: number;
    readonly interval: number;
    readonly categories: readonly { readonly color: string; readonly subcategories: readonly string[] }[];
  };
  readonly libs: readonly unknown[];
  readonly threads: readonly Thread[];
}

test("every index of a Go profile's tables is in range, and every column has its table's length", () => {
  const model = readPprof(readFileSync(new URL("../../testdata/formats/go-cpu.pb.gz", import.meta.url)));
  const file = write(model as ProfilesModel);
  checkConsistent(file);
  expect(file.threads).toHaveLength(1);
  expect(file.threads[0]!.samples.weightType).toBe("tracing-ms");
  // Two goroutines span for 0.7 s each.
  const total = file.threads[0]!.samples.weight.reduce((sum, weight) => sum + weight, 0);
  expect(total).toBeGreaterThan(700);
  expect(stacksOf(file.threads[0]!).some((stack) => stack.includes("main.fib"))).toBe(true);
  expect(file.meta.interval).toBe(10);
});

test("resources are processes, threads are threads, timestamps are times since the first", () => {
  const file = write(twoProcesses());
  checkConsistent(file);
  expect(file.threads.map(({ name, pid }) => [name, pid])).toEqual([
    ["worker", "7"],
    ["main", "7"],
    ["worker", "7.1"],
  ]);
  expect(file.threads[0]!.samples.time).toEqual([0, 2]);
  expect(file.threads[1]!.samples.time).toEqual([1]);
  expect(file.meta.startTime).toBe(5);
  expect(stacksOf(file.threads[0]!)).toEqual([
    ["main", "work", "tiny"],
    ["main", "work", "tiny"],
  ]);
  expect(file.threads[0]!.frameTable["inlineDepth"]).toEqual([0, 0, 1]);
  expect(new Set(file.threads.map(({ tid }) => tid)).size).toBe(3);
});

test("a model without samples is a profile without threads", () => {
  const file = write(new ModelBuilder().finish([]));
  checkConsistent(file);
  expect(file.threads).toEqual([]);
});

function write(model: ProfilesModel): File {
  return JSON.parse(Buffer.from(writeFirefox(model)).toString()) as File;
}

/** Two processes with the same pid on two nodes. */
function twoProcesses(): ProfilesModel {
  const builder = new ModelBuilder();
  const lines = (...names: string[]) => names.map((name) => ({ function: builder.function(builder.string(name)) }));
  const stack = builder.stack([
    builder.location({ lines: lines("tiny", "work") }),
    builder.location({ lines: lines("main"), mapping: builder.mapping({ filename: builder.string("/bin/app") }) }),
  ]);
  const thread = (name: string): number => builder.attribute(builder.string("thread.name"), name);
  const types = [{ type: builder.string("samples"), unit: builder.string("count"), temporality: 0 }];
  const samples = new SamplesBuilder();
  samples.add(stack, [thread("worker")], 0, [], [7_000_000n, 5_000_000n]);
  samples.add(stack, [thread("main")], 0, [], [6_000_000n]);
  const other = new SamplesBuilder();
  other.add(stack, [thread("worker")], 0, [4n], []);
  const resource = encodeResource([["process.pid", 7n]]);
  return builder.finish(
    [samples, other].map((one) => ({
      ...EMPTY_RESOURCE,
      resource,
      scopes: [{ ...EMPTY_SCOPE, profiles: [{ ...EMPTY_PROFILE, types, samples: one.finish() }] }],
    })),
  );
}

function checkConsistent({ meta, libs, threads }: File): void {
  expect(meta.preprocessedProfileVersion).toBe(48);
  expect(meta.categories.filter(({ color }) => color === "grey")).toHaveLength(1);
  for (const thread of threads) {
    const { samples, stackTable, frameTable, funcTable, resourceTable, stringArray } = thread;
    const tables = {
      samples,
      stackTable,
      frameTable,
      funcTable,
      resourceTable,
      native: thread.nativeSymbols,
      markers: thread.markers,
    };
    for (const [table, columns] of Object.entries(tables)) {
      for (const [name, column] of Object.entries(columns)) {
        if (Array.isArray(column)) expect([table, name, column.length]).toEqual([table, name, columns.length]);
      }
    }
    inRange(samples.stack, stackTable.length, null);
    inRange(stackTable["frame"]!, frameTable.length);
    inRange(stackTable["category"]!, meta.categories.length);
    stackTable["prefix"]!.forEach((prefix, at) => inRange([prefix], at, null));
    inRange(frameTable["func"]!, funcTable.length);
    inRange(frameTable["category"]!, meta.categories.length);
    inRange(funcTable["name"]!, stringArray.length);
    inRange(funcTable["fileName"]!, stringArray.length, null);
    inRange(funcTable["resource"]!, resourceTable.length, -1);
    inRange(resourceTable["lib"]!, libs.length);
    inRange(resourceTable["name"]!, stringArray.length);
    expect(new Set(stringArray).size).toBe(stringArray.length);
    expect([...samples.time].sort((a, b) => a - b)).toEqual(samples.time);
    expect(thread.name).not.toBe("");
  }
}

function inRange(indexes: readonly unknown[], length: number, none?: null | -1): void {
  const wrong = indexes.filter(
    (index) =>
      index !== none && !(typeof index === "number" && Number.isInteger(index) && index >= 0 && index < length),
  );
  expect(wrong).toEqual([]);
}

/** The names of each sample's frames, the outermost first. */
function stacksOf({ samples, stackTable, frameTable, funcTable, stringArray }: Thread): string[][] {
  return samples.stack.map((stack) => {
    const names: string[] = [];
    for (let at = stack; at !== null; at = stackTable["prefix"]![at] as number | null) {
      const called = frameTable["func"]![stackTable["frame"]![at] as number] as number;
      names.unshift(stringArray[funcTable["name"]![called] as number]!);
    }
    return names;
  });
}
