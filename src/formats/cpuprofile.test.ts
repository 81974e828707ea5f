import { execFileSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../test/has-program.ts";
import type { ProfilesModel } from "#otlp";
import { ParseError } from "#wire";
import { readCpuProfile } from "./cpuprofile.ts";
import { writeFolded } from "./folded.ts";
import { detectFormat } from "./formats.ts";
import { writePprof } from "./pprof-writer.ts";
import { goPprof, withFolder } from "./testing/programs.ts";

const frame = (functionName: string, url = "") => ({
  functionName,
  url,
  scriptId: "0",
  lineNumber: 4,
  columnNumber: 2,
});
const SMALL = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 3] },
    { id: 2, callFrame: frame("main", "file:///app/main.js"), children: [4] },
    { id: 3, callFrame: frame("(idle)") },
    { id: 4, callFrame: frame("", "file:///app/main.js") },
  ],
  startTime: 1000,
  endTime: 1100,
  samples: [2, 4, 3, 4],
  timeDeltas: [10, 20, 30, 40],
};

describe("a V8 profile", () => {
  test("counts the time after each sample", () => {
    const model = read(SMALL);
    expect(fold(model)).toBe("(idle) 40000\nmain 20000\nmain;(anonymous) 30000\n");
    expect(fold(model, { frameTypes: true })).toContain("main_[j];(anonymous)_[j] 30000");
    expect(model.resources[0]!.scopes[0]!.profiles[0]!.durationNano).toBe(100_000n);
  });

  test.each([
    ["nodes[0]: is no node with an id and a frame", { nodes: [{}] }],
    ["node 1: child 9 does not exist", { ...SMALL, nodes: [{ ...SMALL.nodes[0]!, children: [9] }] }],
    ["samples[0]: node 77 does not exist", { ...SMALL, samples: [77], timeDeltas: [1] }],
    ["timeDeltas: is no list of 4 numbers", { ...SMALL, timeDeltas: [1] }],
  ])("says %s", (message, file) => {
    expect((readCpuProfile(Buffer.from(JSON.stringify(file))) as ParseError).message).toBe(message);
  });

  test("refuses callers in a circle, and answers to any JSON", () => {
    const circle = [
      { id: 1, callFrame: frame("a"), children: [2] },
      { id: 2, callFrame: frame("b"), children: [1] },
    ];
    const result = readCpuProfile(
      Buffer.from(JSON.stringify({ ...SMALL, nodes: circle, samples: [1], timeDeltas: [1] })),
    );
    expect(result).toBeInstanceOf(ParseError);
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (nodes, samples) => {
        readCpuProfile(Buffer.from(JSON.stringify({ nodes, samples, timeDeltas: samples })));
      }),
    );
  });

  test("is what this Node writes, and go tool pprof reads it as pprof", () => {
    const bytes = withFolder((folder) => {
      const script = join(folder, "busy.mjs");
      writeFileSync(
        script,
        "function busyLoop() { let s = 0; for (let i = 0; i < 3e7; i++) s += Math.sqrt(i); return s; }\nbusyLoop(); busyLoop();\n",
      );
      execFileSync(process.execPath, ["--cpu-prof", `--cpu-prof-dir=${folder}`, script]);
      return readFileSync(globSync(join(folder, "*.cpuprofile"))[0]!);
    });
    expect(detectFormat(bytes)).toBe("cpuprofile");
    const model = readCpuProfile(bytes) as ProfilesModel;
    expect(fold(model)).toMatch(/busyLoop \d{7,}/);
    if (!hasProgram("go", "version")) return;
    expect(goPprof(writePprof(model), "-top", "-nodecount=5")).toContain("busyLoop");
  });
});

function read(file: object): ProfilesModel {
  return readCpuProfile(Buffer.from(JSON.stringify(file))) as ProfilesModel;
}

function fold(model: ProfilesModel, options = {}): string {
  return Buffer.from(writeFolded(model, options)).toString();
}
