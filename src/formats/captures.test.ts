import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../test/has-program.ts";
import { detectLayout, readProfiles, type ProfilesModel } from "#otlp";
import { ParseError } from "#wire";
import { FORMATS } from "./formats.ts";
import { profilesOf, sampleValue } from "./sample-values.ts";
import { goPprof } from "./testing/programs.ts";

const testdata = fileURLToPath(new URL("../../testdata/", import.meta.url));
const withoutGo = !hasProgram("go", "version");

/** Requests that carry samples: those of the real eBPF profiler, and upstream's vectors of every layout. */
const requests = globSync("{captures,otlp-profiles}/**/*.{pb,binpb}", { cwd: testdata })
  .map((file) => ({ file, model: modelOf(readFileSync(`${testdata}${file}`)) }))
  .filter(({ model }) => model !== undefined && totalOf(model) > 0n) as { file: string; model: ProfilesModel }[];

describe("profiles of every OTLP layout", () => {
  test("are there", () => {
    const layouts = new Set(requests.map(({ file }) => /^otlp-profiles\/(\w+)\//.exec(file)?.[1]));
    for (const layout of ["e", "d4", "d5", "d6", "d7", "d8", "d9", "d10"]) expect(layouts).toContain(layout);
    expect(requests.filter(({ file }) => file.startsWith("captures"))).toHaveLength(2);
  });

  test("keep their totals in every format that is written and read", () => {
    for (const { file, model } of requests) {
      for (const { name, write, read } of FORMATS) {
        if (!write || !read || hasNegative(model)) continue;
        const again = read(write(model));
        expect([file, name, again instanceof ParseError ? again.message : "read"]).toEqual([file, name, "read"]);
        // Folded stacks have one type only.
        if (name === "pprof") expect([file, totalOf(again as ProfilesModel)]).toEqual([file, totalOf(model)]);
      }
    }
  });

  test("can be written in every format, labels of resources included", () => {
    for (const { model } of requests) {
      for (const { write } of FORMATS) {
        const bytes = write?.(model, { resources: true, frameTypes: true, groupBy: ["container.id", "thread.name"] });
        if (bytes) expect(bytes.length).toBeGreaterThan(0);
      }
    }
  });
});

test.skipIf(withoutGo)("go tool pprof finds what the eBPF profiler sent, container ids as labels", () => {
  for (const { file, model } of requests.filter(({ file: name }) => name.startsWith("captures"))) {
    const pprof = FORMATS.find(({ name }) => name === "pprof")!.write!(model, { resources: true });
    const top = goPprof(pprof, "-top", "-nodecount=3");
    expect([file, Number(/of (\d+) total/.exec(top)?.[1])]).toEqual([file, Number(totalOf(model))]);
    expect(goPprof(pprof, "-tags")).toMatch(/container\.id|process\.pid/);
  }
});

function modelOf(bytes: Uint8Array): ProfilesModel | undefined {
  const detection = detectLayout(bytes);
  if (!("layout" in detection)) return undefined;
  const model = readProfiles(bytes, detection.layout);
  return model instanceof ParseError ? undefined : model;
}

/** All values of all types. */
function totalOf(model: ProfilesModel): bigint {
  let total = 0n;
  for (const { profile } of profilesOf(model)) {
    for (let sample = 0; sample < profile.samples.length; sample++) {
      for (let type = 0; type < profile.types.length; type++) total += sampleValue(profile, sample, type);
    }
  }
  return total;
}

function hasNegative(model: ProfilesModel): boolean {
  return [...profilesOf(model)].some(({ profile }) => profile.samples.values.some((value) => value < 0n));
}
