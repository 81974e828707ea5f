import fc from "fast-check";
import { expect, test } from "vitest";
import { detectLayout, ParseError, type ProfilesModel, readProfiles, Refusal } from "#otlp";
import { Dictionary } from "./dictionary.ts";
import { RequestBuilder, type RequestWindow } from "./request-builder.ts";
import { ResourceTable } from "./resource-table.ts";
import { SampleKind, SampleLog } from "./sample-log.ts";

const UNIX_NS = 1_795_354_524_126_038_959n;
const WINDOW: RequestWindow = {
  startNs: 1_000_000_000,
  endNs: 6_000_000_000,
  unixOffsetNs: UNIX_NS,
  frequencyHz: 20,
  values: "timestamps",
  lost: {},
};

function modelOf({ request: bytes }: { readonly request: Uint8Array }): ProfilesModel {
  const detection = detectLayout(bytes);
  if (detection instanceof Refusal) throw new Error(detection.message);
  expect(detection.layout).toBe("D10");
  const model = readProfiles(bytes, detection.layout);
  if (model instanceof ParseError) throw model;
  expect(model.findings).toEqual([]);
  return model;
}

/** What a request says of each sample: where it belongs, and its times and values. */
function told(model: ProfilesModel): Map<string, string> {
  const { strings, stacks, locations, functions, attributes } = model.dictionary;
  const found = new Map<string, string>();
  const nameOf = (location: number): string => {
    const line = locations.lineOffsets[location]!;
    return line < locations.lineOffsets[location + 1]!
      ? strings.text(functions.name[locations.lines.function[line]!]!)
      : `0x${locations.address[location]!.toString(16)}`;
  };
  for (const { resource, scopes } of model.resources) {
    const container = /container\.id\W+(\w+)/.exec(Buffer.from(resource).toString("latin1"))![1];
    for (const profile of scopes.flatMap((scope) => scope.profiles)) {
      const { samples } = profile;
      for (let at = 0; at < samples.length; at++) {
        const stack = samples.stack[at]!;
        const names = [...stacks.values.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])].map(nameOf);
        const threads = [
          ...samples.attributes.subarray(samples.attributeOffsets[at], samples.attributeOffsets[at + 1]),
        ].map((attribute) => Buffer.from(attributes.values.bytes(attribute)).toString("latin1").slice(2));
        const times = samples.timestamps.subarray(samples.timestampOffsets[at], samples.timestampOffsets[at + 1]);
        const values = samples.values.subarray(samples.valueOffsets[at], samples.valueOffsets[at + 1]);
        const key = `${container} ${strings.text(profile.types[0]!.type)} ${names.join("<")} ${threads.join()}`;
        expect(found.has(key)).toBe(false);
        found.set(key, `@${times.join()} =${values.join()}`);
      }
    }
  }
  return found;
}

const frame = (functionName: string) => ({ functionName, line: 7, startLine: 5 });

test("samples of one stack and one set of attributes are one sample with all their times", () => {
  const dictionary = new Dictionary();
  const resources = new ResourceTable([["host.name", "n1"]]);
  const [first, second] = [resources.intern([["container.id", "a"]]), resources.intern([["container.id", "b"]])];
  const leaf = dictionary.addressLocation(0, 0x1000, 0, 0, 0);
  const root = dictionary.namedLocation(0, dictionary.lineList([frame("main")]), 0);
  const stack = dictionary.stack(Int32Array.of(leaf, root), 2);
  const attributes = dictionary.attributeList(dictionary.textAttribute("thread.name", "w"), 0);
  const log = new SampleLog(100);
  log.add(SampleKind.OnCpu, stack, first, 2_000_000_000, 0);
  log.add(SampleKind.OnCpu, stack, second, 2_000_000_001, 0);
  log.add(SampleKind.OnCpu, stack, first, 3_000_000_000, 0);
  log.add(SampleKind.OffCpu, stack, first, 4_000_000_000, 12_345_678_901);
  const builder = new RequestBuilder(dictionary, resources);
  const subjects = {
    stackOf: (id: number) => id,
    flawsOf: () => 0,
    resourceOf: (id: number) => id,
    attributesOf: () => attributes,
  };
  const time = (ns: bigint): string => String(UNIX_NS + ns);
  const model = modelOf(builder.build(log, subjects, WINDOW));
  expect(Object.fromEntries(told(model))).toEqual({
    "a samples 0x1000<main w": `@${time(2_000_000_000n)},${time(3_000_000_000n)} =`,
    "a off_cpu 0x1000<main w": `@${time(4_000_000_000n)} =12345678901`,
    "b samples 0x1000<main w": `@${time(2_000_000_001n)} =`,
  });
  const [profile] = model.resources[0]!.scopes[0]!.profiles;
  expect([profile!.period, profile!.timeUnixNano, profile!.durationNano]).toEqual([
    50_000_000n,
    UNIX_NS + 1_000_000_000n,
    5_000_000_000n,
  ]);
  const merged = modelOf(builder.build(log, subjects, { ...WINDOW, values: "merged" }));
  expect(Object.fromEntries(told(merged))).toEqual({
    "a samples 0x1000<main w": "@ =2",
    "a off_cpu 0x1000<main w": "@ =12345678901",
    "b samples 0x1000<main w": "@ =1",
  });
});

test("the window is wide enough for samples that the ring held back", () => {
  const dictionary = new Dictionary();
  const resources = new ResourceTable([]);
  resources.intern([["container.id", "a"]]);
  const log = new SampleLog(10);
  log.add(SampleKind.OnCpu, 0, 0, 900_000_000, 0);
  log.add(SampleKind.OnCpu, 0, 0, 6_000_000_000, 0);
  const builder = new RequestBuilder(dictionary, resources);
  const subjects = { stackOf: () => 0, flawsOf: () => 0, resourceOf: () => 0, attributesOf: () => 0 };
  const profile = modelOf(builder.build(log, subjects, WINDOW)).resources[0]!.scopes[0]!.profiles[0]!;
  expect(profile.timeUnixNano).toBe(UNIX_NS + 900_000_000n);
  expect(profile.durationNano).toBe(5_100_000_001n);
});

test("whatever is sampled, the request says the same as counting by hand, and holds no entry twice or unused", () => {
  const sample = fc.record({
    kind: fc.constantFrom(SampleKind.OnCpu, SampleKind.OffCpu),
    stack: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 5 }),
    thread: fc.integer({ min: 0, max: 3 }),
    resource: fc.integer({ min: 0, max: 3 }),
    timeNs: fc.integer({ min: 1, max: 2 ** 52 }),
    value: fc.integer({ min: 1, max: 2 ** 40 }),
  });
  const dictionary = new Dictionary();
  const resources = new ResourceTable([["host.name", "n1"]]);
  const builder = new RequestBuilder(dictionary, resources);
  const log = new SampleLog(1000);
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 60 }), fc.boolean(), (samples, clear) => {
      // Numbers last from request to request, and after a clean start.
      if (clear) {
        dictionary.clear();
        resources.clear();
      }
      log.clear();
      const contexts: { resource: number; attributes: number }[] = [];
      const expected = new Map<string, { times: bigint[]; values: number[] }>();
      for (const { kind, stack, thread, resource, timeNs, value } of samples) {
        const locations = stack.map((place) =>
          place % 2 === 0
            ? dictionary.addressLocation(0, place + 1, 0, 0, 0)
            : dictionary.namedLocation(0, dictionary.lineList([frame(`f${place}`)]), 0),
        );
        const attribute = dictionary.textAttribute("thread.name", `t${thread}`);
        contexts.push({
          resource: resources.intern([["container.id", `c${resource}`]]),
          attributes: thread === 0 ? 0 : dictionary.attributeList(attribute, 0),
        });
        log.add(
          kind,
          dictionary.stack(Int32Array.from(locations), locations.length),
          contexts.length - 1,
          timeNs,
          value,
        );
        const names = stack.map((place) => (place % 2 === 0 ? `0x${(place + 1).toString(16)}` : `f${place}`)).join("<");
        const key = `c${resource} ${kind === SampleKind.OnCpu ? "samples" : "off_cpu"} ${names} ${thread === 0 ? "" : `t${thread}`}`;
        const { times, values } = expected.get(key) ?? { times: [], values: [] };
        times.push(UNIX_NS + BigInt(timeNs));
        if (kind === SampleKind.OffCpu) values.push(value);
        expected.set(key, { times, values });
      }
      const model = modelOf(
        builder.build(
          log,
          {
            stackOf: (id) => id,
            flawsOf: () => 0,
            resourceOf: (id) => contexts[id]!.resource,
            attributesOf: (id) => contexts[id]!.attributes,
          },
          WINDOW,
        ),
      );
      expect(Object.fromEntries(told(model))).toEqual(
        Object.fromEntries(
          [...expected].map(([key, { times, values }]) => [key, `@${times.join()} =${values.join()}`]),
        ),
      );
      expectTight(model);
    }),
    { numRuns: 200 },
  );
});

/** Tables hold what samples use, once. */
function expectTight(model: ProfilesModel): void {
  const { strings, stacks } = model.dictionary;
  const texts = Array.from({ length: strings.length }, (_, at) => strings.text(at));
  expect(new Set(texts).size).toBe(texts.length);
  const lists = Array.from({ length: stacks.length }, (_, at) =>
    stacks.values.subarray(stacks.offsets[at], stacks.offsets[at + 1]).join(),
  );
  expect(new Set(lists).size).toBe(lists.length);
}
