import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import { FORMATS } from "#formats";
import {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  loadLayouts,
  ModelBuilder,
  ParseError,
  SamplesBuilder,
} from "#otlp";
import { folderWith, podflame, type Ended } from "./podflame.ts";
import { content, type Description, totalsOf, vector, VECTORS } from "./vectors.ts";

/** 43 samples, 117 times counted, two resources. */
const SAMPLES = { "samples/count": "117" };

let folder: string;
beforeEach(async () => {
  folder = await folderWith({});
  await writeFile(join(folder, "new.otlp"), vector("d10/l1.collector.pb"));
  await writeFile(join(folder, "old.otlp"), vector("e/l1.collector.pb"));
});

function run(...args: string[]): Promise<Ended> {
  return podflame(args, { cwd: folder });
}

/** Converts, which must succeed, and describes the result. */
async function converted(...args: string[]): Promise<Description> {
  const { code, stderr } = await run("convert", ...args);
  expect([code, stderr.includes("bug")]).toEqual([0, false]);
  return described(args[args.indexOf("-o") + 1]!);
}

async function described(file: string): Promise<Description> {
  const { code, stdout, stderr } = await run("inspect", "--json", file);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Description;
}

function servicesOf({ resources }: Description): (string | undefined)[] {
  return resources.map(({ attributes }) => attributes.find(({ key }) => key === "service.name")?.string);
}

describe("podflame convert to a layout", () => {
  const expected = VECTORS.find(({ file }) => file.endsWith("d10/l1.collector.pb"))!.expected;

  test.each([
    ["1.11", "D10"],
    ["1.9", "D9"],
    ["1.8", "D8"],
    ["v1.7.0", "D7"],
    ["1.5", "D5"],
    ["1.3", "E"],
  ])("%s writes %s, and newest again holds the same", async (release, layout) => {
    const older = await converted("new.otlp", "-o", "older.otlp", "--layout", release);
    expect(older.layouts).toContain(layout);
    expect(totalsOf(older)).toEqual(SAMPLES);
    const again = await converted("older.otlp", "-o", "again.otlp");
    expect(again.layout).toBe("D10");
    expect(content(again)).toEqual(content(expected));
  });

  test.each(["1.9", "1.7", "1.3"])("%s as OTLP/JSON", async (release) => {
    const description = await converted("new.otlp", "-o", "out.json", "--layout", release);
    expect(totalsOf(description)).toEqual(SAMPLES);
    const text = await readFile(join(folder, "out.json"), "utf8");
    expect(Object.keys(JSON.parse(text) as object)).toContain("resourceProfiles");
  });

  test("that nobody receives is refused", async () => {
    const { code, stderr } = await run("convert", "new.otlp", "-o", "x.otlp", "--layout", "1.6");
    expect(stderr).toContain("nothing receives 1.6 (D6)");
    expect(code).toBe(1);
  });

  test("of a file in that layout changes nothing of what it holds", async () => {
    await writeFile(join(folder, "d7.otlp"), vector("d7/l4-many-scopes.collector.pb"));
    const { code, stderr } = await run("convert", "d7.otlp", "-o", "same.otlp", "--layout", "1.7");
    expect([code, stderr]).toEqual([0, ""]);
    expect(await described("same.otlp")).toEqual(await described("d7.otlp"));
  });

  test("tells for each profile what it cannot say", async () => {
    const { code, stderr } = await run("convert", "old.otlp", "-o", "new2.otlp");
    expect(stderr).toContain("lost in resource_profiles[0].scope_profiles[0].profiles[0]: temporality");
    expect(code).toBe(0);
  });
});

describe("podflame convert to a format", () => {
  test.each(FORMATS.filter(({ write }) => write).map((format) => [format.name, format] as const))(
    "%s keeps the totals",
    async (name, format) => {
      const file = `out${format.extensions[0]!}`;
      const { code, stderr } = await run("convert", "new.otlp", "-o", file);
      expect([code, stderr.includes("bug")]).toEqual([0, false]);
      const named = await run("convert", "new.otlp", "-o", "named", "--to", name);
      expect(named.code).toBe(0);
      expect(await readFile(join(folder, "named"))).toEqual(await readFile(join(folder, file)));
      if (format.read) expect(Object.values(totalsOf(await described(file)))).toEqual(["117"]);
    },
  );

  test("tells what the format has no place for", async () => {
    expect((await run("convert", "new.otlp", "-o", "cpu.pb.gz")).stderr).toBe(
      "podflame: pprof has no place for 117 timestamps\npodflame: pprof has no place for 2 resources\n",
    );
    const { stderr } = await run("convert", "new.otlp", "-o", "cpu.folded");
    expect(stderr).toMatch(/^podflame: folded has no place for \d+ links$/m);
    expect(stderr).toMatch(/^podflame: folded has no place for \d+ sample attributes$/m);
  });

  test("and back to OTLP in any layout", async () => {
    await converted("old.otlp", "-o", "cpu.pb.gz");
    expect(totalsOf(await converted("cpu.pb.gz", "-o", "back.otlp", "--layout", "1.8"))).toEqual(SAMPLES);
  });

  test("refuses what doesn't go together", async () => {
    expect((await run("convert", "new.otlp", "-o", "out.bin")).stderr).toMatch(
      /what is out\.bin to be\? Its name does not tell; say --to otlp \| otlp-json \| pprof/,
    );
    expect((await run("convert", "new.otlp", "-o", "-")).stderr).toContain("say what to write to standard output");
    expect((await run("convert", "new.otlp", "-o", "x", "--to", "svg")).stderr).toContain("--to svg: expected one of");
    expect((await run("convert", "new.otlp", "-o", "x.folded", "--layout", "1.7")).stderr).toContain(
      "--layout is for OTLP, but x.folded is to be folded stacks",
    );
    expect(await readdir(folder)).toEqual(["new.otlp", "old.otlp"]);
  });

  test("of text goes to standard output", async () => {
    const { code, stdout } = await run("convert", "new.otlp", "-o", "-", "--to", "folded");
    const sum = stdout
      .trimEnd()
      .split("\n")
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" "))), 0);
    expect(sum).toBe(117);
    expect(code).toBe(0);
  });

  test("compresses by the name", async () => {
    await converted("new.otlp", "-o", "plain.otlp");
    await converted("new.otlp", "-o", "x.otlp.gz");
    await converted("new.otlp", "-o", "x.otlp.zst");
    const plain = await readFile(join(folder, "plain.otlp"));
    expect(gunzipSync(await readFile(join(folder, "x.otlp.gz")))).toEqual(plain);
    expect(zstdDecompressSync(await readFile(join(folder, "x.otlp.zst")))).toEqual(plain);
  });
});

test("podflame convert --by-container gives containers that samples name a resource each", async () => {
  const builder = new ModelBuilder();
  const type = { type: builder.string("samples"), unit: builder.string("count"), temporality: 0 };
  const samples = new SamplesBuilder();
  for (const [at, id] of ["a", "b", "a"].entries()) {
    const container = builder.attribute(builder.string("container.id"), id.repeat(64));
    const stack = builder.stack([builder.location({ address: BigInt(at + 1) })]);
    samples.add(stack, [container], 0, [BigInt(at + 1)], []);
  }
  const profile = { ...EMPTY_PROFILE, types: [type], samples: samples.finish() };
  const model = builder.finish([{ ...EMPTY_RESOURCE, scopes: [{ ...EMPTY_SCOPE, profiles: [profile] }] }]);
  const written = (await loadLayouts()).writeProfiles(model, "D7");
  if (written instanceof ParseError) throw new Error(written.message);
  await writeFile(join(folder, "host.otlp"), written.bytes);
  const description = await converted("host.otlp", "-o", "containers.otlp", "--by-container");
  const containers = description.resources.map(({ attributes }) => attributes.map((one) => one.string));
  expect(containers).toEqual([["a".repeat(64)], ["b".repeat(64)]]);
  expect(totalsOf(description)).toEqual({ "samples/count": "6" });
});

describe("podflame convert of several files", () => {
  test("makes one request, resources that are the same together", async () => {
    const description = await converted("new.otlp", "old.otlp", "-o", "all.otlp");
    expect(totalsOf(description)).toEqual({ "samples/count": "234" });
    expect(servicesOf(description)).toEqual(["checkout", "payments"]);
    expect(description.resources[0]!.scopes[0]!.profiles.length).toBe(2);
  });

  test("of any layout gives what each holds", async () => {
    const files = VECTORS.filter(({ file }) => /l1\.(?:protobuf-go|collector)\.pb$/.test(file));
    const description = await converted(...files.map(({ path }) => path), "-o", "all.otlp");
    expect(totalsOf(description)).toEqual({ "samples/count": String(117 * files.length) });
  });

  test("passes over what cannot be read, and says so", async () => {
    await writeFile(join(folder, "garbage"), "\u0001\u0002\u0003");
    const { code, stderr } = await run("convert", "garbage", "new.otlp", "none.otlp", "-o", "out.otlp");
    expect(stderr).toContain("podflame: garbage: is nothing that podflame knows");
    expect(stderr).toContain("podflame: none.otlp: there is no such file");
    expect(code).toBe(1);
    expect(totalsOf(await described("out.otlp"))).toEqual(SAMPLES);
  });

  test("leaves the output alone when none can be read", async () => {
    await writeFile(join(folder, "out.otlp"), "precious");
    const { code, stderr } = await run("convert", "none.otlp", "-o", "out.otlp");
    expect(stderr).toContain("there is nothing to convert");
    expect(code).toBe(1);
    expect(await readFile(join(folder, "out.otlp"), "utf8")).toBe("precious");
  });

  test("tells how far it is when they are large", async () => {
    const one = vector("d10/l1.collector.pb");
    const head = Buffer.alloc(5);
    head.writeUInt32BE(one.length, 1);
    const record = Buffer.concat([head, one]);
    await writeFile(
      join(folder, "large"),
      Buffer.concat(Array.from({ length: Math.ceil(11e6 / record.length) }, () => record)),
    );
    const { code, stderr } = await run("convert", "large", "-o", "out.pb.gz");
    expect(stderr).toMatch(/^podflame: read 1 of 11 MB, 1\d %$/m);
    expect(code).toBe(0);
  });
});

describe("podflame convert lets through", () => {
  test("resources with an attribute", async () => {
    const description = await converted("new.otlp", "-o", "out.otlp", "--resource", "service.name=payments");
    expect(servicesOf(description)).toEqual(["payments"]);
    const both = ["--resource", "service.name=payments", "--resource", "host.name=elsewhere"];
    const { code, stderr } = await run("convert", "new.otlp", "-o", "none.otlp", ...both);
    expect(stderr).toContain("nothing is left: no profile passes the filters");
    expect(code).toBe(1);
  });

  test("what was sampled in a window", async () => {
    const window = "2025-10-09T08:53:21Z..2025-10-09T08:53:22.5Z";
    const before = await converted("new.otlp", "-o", "before.otlp", "--time", "..2025-10-09T08:53:21Z");
    const inside = await converted("new.otlp", "-o", "inside.otlp", "--time", window);
    const after = await converted("new.otlp", "-o", "after.otlp", "--time", "1760000002.5..");
    const sums = [before, inside, after].map((part) => Number(totalsOf(part)["samples/count"]));
    expect(sums.every((sum) => sum > 0)).toBe(true);
    expect(sums.reduce((a, b) => a + b)).toBe(117);
    expect(inside.summary.timestamps).toBe(sums[1]);
  });

  test.each([
    [["--time", "yesterday"], "expected FROM..TO"],
    [["--time", "soon..later"], '"soon" is no time'],
    [["--time", "5..4"], "the end is not after the start"],
    [["--resource", "service.name"], "expected key=value"],
  ])("nothing for %j", async (flags, message) => {
    const { code, stderr } = await run("convert", "new.otlp", "-o", "out.otlp", ...flags);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });

  test("profiles of a type", async () => {
    expect(totalsOf(await converted("new.otlp", "-o", "out.otlp", "--type", "samples"))).toEqual(SAMPLES);
    expect((await run("convert", "new.otlp", "-o", "out2.otlp", "--type", "off_cpu")).stderr).toContain(
      "nothing is left",
    );
  });
});
