/**
 * Who may import whom (docs/architecture.md), read from the sources: the layers, the home of each third-party library,
 * and no cycles between modules.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");

/** What a module may import of ours. Components are a layer of their own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  // Node's own modules where importing them plainly costs too much; anybody may.
  node: [],
  wire: [],
  telemetry: [],
  otlp: ["wire"],
  formats: ["otlp", "wire"],
  transport: ["wire", "telemetry"],
  kubernetes: ["wire", "telemetry"],
  identity: ["kubernetes", "telemetry"],
  linux: ["telemetry"],
  symbols: ["telemetry"],
  profiler: ["linux", "symbols", "otlp", "identity", "wire", "telemetry"],
  store: ["otlp", "identity", "wire", "telemetry"],
  query: ["store", "identity", "formats", "otlp", "wire", "telemetry"],
  collector: ["otlp", "transport", "wire", "telemetry"],
  "collector/components": [
    "collector",
    "otlp",
    "transport",
    "kubernetes",
    "identity",
    "profiler",
    "store",
    "query",
    "wire",
    "telemetry",
  ],
  cli: [
    "collector",
    "collector/components",
    "formats",
    "otlp",
    "transport",
    "kubernetes",
    "identity",
    "linux",
    "symbols",
    "profiler",
    "store",
    "query",
    "wire",
    "telemetry",
  ],
};

/** Where a library may be used; every library of package.json's dependencies stands here. */
const LIBRARY_HOME: Readonly<Record<string, readonly string[]>> = {
  "@duckdb/node-api": ["src/store/"],
  "@hono/node-server": ["src/query/"],
  commander: ["src/cli/"],
  hono: ["src/query/"],
  koffi: ["src/linux/ffi.ts"],
  pino: ["src/telemetry/"],
  snappyjs: ["src/transport/"],
  valibot: ["src/collector/config/"],
  "xz-decompress": ["src/symbols/"],
  // A kubeconfig is YAML as well, and so are files of pods.
  yaml: ["src/collector/config/", "src/kubernetes/access/", "src/kubernetes/decoding/object-yaml.ts"],
};

/** Libraries that only tests may use. */
const TEST_ONLY =
  /^(?:vitest|fast-check|hyparquet|hyparquet-compressors|playwright-core|axe-core|@bufbuild\/protobuf|@grpc\/grpc-js)(?:\/|$)/;

interface Import {
  /** Path from the repository's root. */
  readonly from: string;
  readonly line: number;
  readonly specifier: string;
  /** The file that it leads to, for our own. */
  readonly target: string | undefined;
}

const aliases = (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { imports: Record<string, string> })
  .imports;

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const pattern = /^(?:import|export)\s(?:[^"';]*?\sfrom\s)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;
  return [...text.matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? match[2]!;
    return {
      from: file,
      line: text.slice(0, match.index).split("\n").length,
      specifier,
      target: targetOf(file, specifier),
    };
  });
}

function targetOf(file: string, specifier: string): string | undefined {
  const alias = aliases[specifier];
  if (alias !== undefined) return relative(ROOT, join(ROOT, alias));
  const target = specifier.startsWith(".") ? relative(ROOT, resolve(ROOT, dirname(file), specifier)) : undefined;
  return target?.startsWith("src/") === true ? target : undefined;
}

/** `src/collector/components/x/y.ts` → `collector/components`; `src/otlp/x.ts` → `otlp`. */
function moduleOf(file: string): string {
  if (file.startsWith("src/collector/components/")) return "collector/components";
  return file.split("/")[1]!;
}

function componentOf(file: string): string | undefined {
  return /^src\/collector\/components\/([^/]+)\//.exec(file)?.[1];
}

/** Tests and what only they import. */
const isTest = (file: string): boolean => /\.test\.ts$|\/testing\/|-(?:suite|fixture)\.ts$/.test(file);
const where = ({ from, line, specifier }: Import): string => `${from}:${line} imports ${specifier}`;

const files = globSync("src/**/*.ts", { cwd: ROOT }).filter((file) => !/\.d\.ts$|\/testdata\//.test(file));
const all = files.flatMap(importsOf);
const production = all.filter(({ from }) => !isTest(from));

describe("the layers", () => {
  test("are read from sources that exist", () => {
    expect(files.length).toBeGreaterThan(50);
    expect(all.length).toBeGreaterThan(200);
    expect([...new Set(files.map(moduleOf))].filter((module) => MAY_IMPORT[module] === undefined)).toEqual([]);
  });

  test("import only what stands below them", () => {
    const wrong = production.filter(({ from, target }) => {
      if (target === undefined) return false;
      const [importer, imported] = [moduleOf(from), moduleOf(target)];
      return importer !== imported && imported !== "node" && MAY_IMPORT[importer]?.includes(imported) !== true;
    });
    expect(wrong.map(where)).toEqual([]);
  });

  test("reach each other only by what an index.ts offers", () => {
    const wrong = production.filter(({ from, specifier, target }) => {
      if (target === undefined || moduleOf(from) === moduleOf(target)) return false;
      const listed = from === "src/cli/components.ts" && /\/components\/[^/]+\/index\.ts$/.test(specifier);
      return !listed && aliases[specifier] === undefined;
    });
    expect(wrong.map(where)).toEqual([]);
  });

  test("don't import themselves by their own alias", () => {
    const wrong = production.filter(
      ({ from, specifier, target }) =>
        aliases[specifier] !== undefined && target !== undefined && moduleOf(from) === moduleOf(target),
    );
    expect(wrong.map(where)).toEqual([]);
  });

  test("have components that never import each other, and are named only by the command line", () => {
    const wrong = production.filter(({ from, target }) => {
      const imported = target === undefined ? undefined : componentOf(target);
      if (imported === undefined || componentOf(from) === imported) return false;
      return from !== "src/cli/components.ts";
    });
    expect(wrong.map(where)).toEqual([]);
  });

  test("have no cycles", () => {
    const edges = new Map<string, Set<string>>();
    for (const { from, target } of production) {
      if (target === undefined || moduleOf(from) === moduleOf(target)) continue;
      edges.set(moduleOf(from), (edges.get(moduleOf(from)) ?? new Set()).add(moduleOf(target)));
    }
    expect(cycles(edges)).toEqual([]);
  });
});

test("node:http is imported for its types only: its values come from #node-http", () => {
  const wrong = files.filter(
    (file) =>
      !isTest(file) &&
      /^import (?!type ).*from "node:http";|import\("node:http"\)/m.test(readFileSync(join(ROOT, file), "utf8")),
  );
  expect(wrong).toEqual([]);
});

describe("a third-party library", () => {
  test("stays at home", () => {
    const wrong = production.filter(({ from, specifier }) => {
      const library = libraryOf(specifier);
      const homes = library === undefined ? undefined : LIBRARY_HOME[library];
      return homes !== undefined && !homes.some((home) => from.startsWith(home));
    });
    expect(wrong.map(where)).toEqual([]);
  });

  test("stands in the table, or is for tests", () => {
    const unknown = all.filter(({ from, specifier }) => {
      const library = libraryOf(specifier);
      if (library === undefined || LIBRARY_HOME[library] !== undefined) return false;
      return !(isTest(from) && TEST_ONLY.test(specifier));
    });
    expect(unknown.map(where)).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(manifest.dependencies).sort()).toEqual(Object.keys(LIBRARY_HOME).sort());
  });
});

function libraryOf(specifier: string): string | undefined {
  if (/^[.#]|^node:/.test(specifier)) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function cycles(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (module: string, path: readonly string[]): void => {
    if (path.includes(module)) return void found.push([...path.slice(path.indexOf(module)), module].join(" → "));
    if (done.has(module)) return;
    for (const next of edges.get(module) ?? []) visit(next, [...path, module]);
    done.add(module);
  };
  for (const module of edges.keys()) visit(module, []);
  return found;
}
