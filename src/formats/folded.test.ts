import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  ModelBuilder,
  SamplesBuilder,
  type ProfilesModel,
} from "#otlp";
import { ParseError } from "#wire";
import { readFolded, writeFolded } from "./folded.ts";
import { readPprof } from "./pprof-reader.ts";
import { writePprof } from "./pprof-writer.ts";

const fold = (model: ProfilesModel, options = {}): string => Buffer.from(writeFolded(model, options)).toString();

describe("reading folded stacks", () => {
  test("takes outermost first, adds nothing up, and knows marks", () => {
    const model = read("main;run;copy_user_[k] 12\nmain;loop;tiny_[i] 3\n\n# a comment\r\nmain;Lfoo:bar_[j] 1\r\n");
    expect(fold(model)).toBe("main;Lfoo:bar 1\nmain;loop;tiny 3\nmain;run;copy_user 12\n");
    expect(fold(model, { frameTypes: true })).toBe(
      "main;Lfoo:bar_[j] 1\nmain;loop;tiny_[i] 3\nmain;run;copy_user_[k] 12\n",
    );
    const { samples } = model.resources[0]!.scopes[0]!.profiles[0]!;
    expect([...samples.values]).toEqual([12n, 3n, 1n]);
    // The inlined call shares its caller's location.
    expect(model.dictionary.stacks.offsets[3]! - model.dictionary.stacks.offsets[2]!).toBe(2);
  });

  test("counts in what it is told", () => {
    const model = readFolded(Buffer.from("a 1"), {
      sampleType: { type: "wall", unit: "nanoseconds" },
    }) as ProfilesModel;
    const [profile] = model.resources[0]!.scopes[0]!.profiles;
    expect(model.dictionary.strings.text(profile!.types[0]!.type)).toBe("wall");
  });

  test("says which line is no stack", () => {
    const result = readFolded(Buffer.from("main;a 1\nmain;b\n"));
    expect((result as ParseError).message).toBe("line 2: no count at its end");
  });

  test("keeps names with spaces, parentheses and brackets", () => {
    const text = "java thread 1;void Foo::bar(int, char [2]) 7\n";
    expect(fold(read(text))).toBe(text);
  });

  test("answers to damaged text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = readFolded(bytes);
        if (!(result instanceof ParseError)) writeFolded(result);
      }),
    );
    expect(readFolded(Buffer.from(`${" ".repeat(100_000)}x`))).toBeInstanceOf(ParseError);
    expect(readFolded(Buffer.from(`${"a ".repeat(200_000)}x`))).toBeInstanceOf(ParseError);
  });
});

describe("writing folded stacks", () => {
  test("gives back what was read", () => {
    const name = fc.stringMatching(/^[A-Za-z_][\w:<>.()$ -]{0,20}\w$/);
    const line = fc.tuple(fc.array(name, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 1e9 }));
    fc.assert(
      fc.property(fc.uniqueArray(line, { maxLength: 20, selector: ([frames]) => frames.join(";") }), (lines) => {
        const text = lines.map(([frames, count]) => `${frames.join(";")} ${count}\n`);
        const sorted = text.sort((a, b) => (a.slice(0, a.lastIndexOf(" ")) < b.slice(0, b.lastIndexOf(" ")) ? -1 : 1));
        expect(fold(read(text.join("")))).toBe(sorted.join(""));
      }),
      { numRuns: 60 },
    );
  });

  test("cleans names, and names what has no symbol", () => {
    const builder = new ModelBuilder();
    const mapping = builder.mapping({ filename: builder.string("/usr/lib/libc.so.6") });
    const odd = builder.function(builder.string("odd;name\nhere"));
    const stack = builder.stack([
      builder.location({ mapping, address: 0x1a2bn }),
      builder.location({ address: 0xffn }),
      builder.location({ lines: [{ function: odd }] }),
      builder.location({ mapping }),
    ]);
    expect(fold(modelOf(builder, stack))).toBe("[libc.so.6];odd:name here;0xff;libc.so.6+0x1a2b 1\n");
  });

  test("groups by attributes of samples and resources", () => {
    const builder = new ModelBuilder();
    const leaf = builder.location({ lines: [{ function: builder.function(builder.string("f")) }] });
    const thread = builder.attribute(builder.string("thread.name"), "worker");
    const model = modelOf(builder, builder.stack([leaf]), [thread]);
    expect(fold(model, { groupBy: ["k8s.pod.name", "thread.name", "nothing"] })).toBe("pod-a;worker;(none);f 1\n");
  });

  test("shows the type that is asked for, else the default one", () => {
    const model = read("main;a 4\n");
    expect(fold(model, { sampleType: "samples" })).toBe("main;a 4\n");
    expect(fold(model, { sampleType: "samples/count" })).toBe("main;a 4\n");
    expect(fold(model, { sampleType: "cpu" })).toBe("");
  });

  test("says the same behind pprof", () => {
    const model = read("main;run;copy 12\nmain;loop;tiny_[i] 3\n");
    const again = readPprof(writePprof(model)) as ProfilesModel;
    expect(fold(again)).toBe(fold(model));
  });
});

function read(text: string): ProfilesModel {
  const model = readFolded(Buffer.from(text));
  if (model instanceof ParseError) throw new Error(model.message);
  return model;
}

function modelOf(builder: ModelBuilder, stack: number, attributes: number[] = []): ProfilesModel {
  const samples = new SamplesBuilder();
  samples.add(stack, attributes, 0, [1n], []);
  const types = [{ type: builder.string("samples"), unit: builder.string("count"), temporality: 0 }];
  const profile = { ...EMPTY_PROFILE, types, samples: samples.finish() };
  const resource = encodeResource([["k8s.pod.name", "pod-a"]]);
  return builder.finish([{ ...EMPTY_RESOURCE, resource, scopes: [{ ...EMPTY_SCOPE, profiles: [profile] }] }]);
}
