import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Folded } from "./answers.ts";

const ROOT = join(import.meta.dirname, "../../../testdata/otlp-profiles");

/** A recorded request of one layout, with what it holds according to others. */
export interface LayoutVector {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Whether it holds anything at all, and can be read. */
  readonly verdict: "ok" | "empty" | "unresolvable";
  readonly isMainCase: boolean;
  /** CPU time by stack in nanoseconds; for the main case. */
  readonly cpu: Folded;
}

interface Expected {
  readonly verdict: LayoutVector["verdict"];
  readonly mappings: readonly { readonly file: string }[];
  readonly frames: readonly {
    readonly address: string;
    readonly mapping: number | null;
    readonly lines: readonly { readonly function: string; readonly systemName: string }[];
  }[];
  readonly stacks: readonly (readonly number[])[];
  readonly resources: readonly {
    readonly attributes: readonly Attribute[];
    readonly scopes: readonly { readonly profiles: readonly ExpectedProfile[] }[];
  }[];
}

interface ExpectedProfile {
  readonly period: string;
  readonly stacks: readonly { readonly stack: number; readonly groups: readonly ExpectedGroup[] }[];
}

interface ExpectedGroup {
  readonly attributes: readonly Attribute[];
  readonly totals: readonly string[];
}

interface Attribute {
  readonly key: string;
  readonly string?: string;
}

/** Every recorded request, by the encoders of each layout's time. */
export function layoutVectors(): readonly LayoutVector[] {
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: layout }) =>
      readdirSync(join(ROOT, layout))
        .filter((file) => file.endsWith(".pb"))
        .map((file) => vectorOf(layout, file)),
    );
}

function vectorOf(layout: string, file: string): LayoutVector {
  const [name = ""] = file.split(".");
  const text = readFileSync(join(ROOT, layout, `${name}.expected.json`), "utf8");
  const expected = JSON.parse(text) as Expected;
  const isMainCase = name === "l1";
  return {
    name: `${layout}/${file}`,
    bytes: readFileSync(join(ROOT, layout, file)),
    verdict: expected.verdict,
    isMainCase,
    cpu: isMainCase ? cpuOf(expected) : {},
  };
}

function cpuOf(expected: Expected): Folded {
  const folded: Record<string, number> = {};
  for (const { attributes, scopes } of expected.resources) {
    for (const { period, stacks } of scopes.flatMap(({ profiles }) => profiles)) {
      for (const { stack, groups } of stacks) {
        for (const group of groups) {
          const process = executable(group.attributes) ?? executable(attributes) ?? "";
          const key = [process, ...namesOf(expected, stack)].join(";");
          folded[key] = (folded[key] ?? 0) + Number(group.totals[0]) * Number(period);
        }
      }
    }
  }
  return folded;
}

function namesOf({ stacks, frames, mappings }: Expected, stack: number): string[] {
  return stacks[stack]!.toReversed().flatMap((index) => {
    const { lines, mapping, address } = frames[index]!;
    if (lines.length > 0) return lines.toReversed().map((line) => line.function || line.systemName);
    const path = mapping === null ? "" : mappings[mapping]!.file;
    return [`${path.slice(path.lastIndexOf("/") + 1)}+0x${BigInt(address).toString(16)}`];
  });
}

function executable(attributes: readonly Attribute[]): string | undefined {
  return attributes.find(({ key }) => key === "process.executable.name")?.string;
}
