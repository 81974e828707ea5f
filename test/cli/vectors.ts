import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./podflame.ts";

/** A request that upstream's encoders made, with what it holds. */
export interface Vector {
  /** Path from the repository's root. */
  readonly file: string;
  readonly path: string;
  readonly expected: Description;
}

/** The neutral form of testdata/otlp-profiles/README.md, as far as tests look into it. */
export interface Description {
  readonly layout: string;
  readonly layouts: readonly string[];
  readonly verdict: string;
  readonly summary: Readonly<Record<"resources" | "scopes" | "profiles" | "samples" | "timestamps", number>>;
  readonly resources: readonly {
    readonly attributes: readonly { readonly key: string; readonly string?: string }[];
    readonly scopes: readonly { readonly profiles: readonly DescribedProfile[] }[];
  }[];
}

export interface DescribedProfile {
  readonly types: readonly { readonly type: string; readonly unit: string }[];
  readonly stacks: readonly { readonly totals: readonly string[]; readonly timestamps: number }[];
}

const FOLDER = "testdata/otlp-profiles";

/** Every vector, protobuf and JSON. */
export const VECTORS: readonly Vector[] = globSync(`${FOLDER}/*/*.{pb,json}`, { cwd: ROOT })
  .filter((file) => !file.endsWith(".expected.json"))
  .sort()
  .map((file) => ({ file, path: join(ROOT, file), expected: expectedOf(file) }));

function expectedOf(file: string): Description {
  const expected = file.replace(/\.(?:protobuf-go|collector|protojson)\.(?:pb|json)$/, ".expected.json");
  return JSON.parse(readFileSync(join(ROOT, expected), "utf8")) as Description;
}

export function vector(name: string): Buffer {
  return readFileSync(join(ROOT, FOLDER, name));
}

/** A description without what no reader can know: the case, and which of several layouts with the same bytes it was. */
export function content(description: Description): object {
  const { case: _case, layout: _layout, layouts: _layouts, ...rest } = description as Description & { case?: string };
  return rest;
}

/** Sums of all samples by type and unit, in decimal. */
export function totalsOf(description: Description): Record<string, string> {
  const totals: Record<string, bigint> = {};
  for (const resource of description.resources) {
    for (const { profiles } of resource.scopes) {
      for (const { types, stacks } of profiles) {
        for (const [at, { type, unit }] of types.entries()) {
          const name = `${type}/${unit}`;
          totals[name] ??= 0n;
          for (const stack of stacks) totals[name] += BigInt(stack.totals[at] ?? 0);
        }
      }
    }
  }
  return Object.fromEntries(Object.entries(totals).map(([name, total]) => [name, String(total)]));
}
