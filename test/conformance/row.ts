import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";

/** A Kubernetes object as YAML; `kind` is Pod where it isn't given, `like` names an object of the file to build upon. */
export type ObjectText = Readonly<Record<string, unknown>>;
/** Attributes as YAML: whole numbers are ints, null is a value that isn't set. */
export type AttributesText = Readonly<Record<string, string | number | boolean | readonly string[] | null>>;

/** Something that happens to a running processor, or is asked of it. */
export interface Step {
  /** Objects as a watch reports them. */
  readonly upsert?: readonly ObjectText[];
  /** Objects whose deletion a watch reports. */
  readonly remove?: readonly ObjectText[];
  /** Complete lists: what isn't among them is gone. */
  readonly list?: readonly ObjectText[];
  /** Time that passes, in seconds. */
  readonly wait?: number;
  /** A resource to be named; null for a request without resources. */
  readonly send?: AttributesText | null;
  /** Address of the sender. */
  readonly peer?: string;
  /** What the resource has besides, or instead, when it leaves; null for an attribute that it has no longer. */
  readonly gives?: AttributesText;
  /** Metrics, by name or `name{label="value"}`. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** One thing that must hold. */
export interface Case {
  /** What is special about it; shown where it fails. */
  readonly about?: string;
  /** The processor's section. */
  readonly config?: unknown;
  /** Environment variables; null for one that must not be set. */
  readonly env?: Readonly<Record<string, string | null>>;
  /** Feature gates of the command line. */
  readonly gates?: Readonly<Record<string, boolean>>;
  /** Part of what the configuration is read as. */
  readonly parsed?: unknown;
  /** Part of the problems that the configuration has. */
  readonly error?: string;
  /** Part of what is logged at start. */
  readonly warning?: string;
  /** What is listed and watched: `resource in namespace ?field selector ?label selector`. */
  readonly watches?: readonly string[];
  /** Part of the error with which the start fails. */
  readonly start_error?: string;
  /** `test`: the objects of the steps (default). `never`: a source that never answers. `api`: the real thing. */
  readonly source?: "test" | "never" | "api";
  readonly signals?: readonly string[] | "all";
  /** A single step, for cases with one resource. */
  readonly objects?: readonly ObjectText[];
  readonly send?: AttributesText | null;
  readonly peer?: string;
  readonly gives?: AttributesText;
  readonly steps?: readonly Step[];
}

/** One row of the catalogue: a behaviour of the Collector's processor, and whether podflame has it. */
export interface Row {
  /** Its number, e.g. `CFG-6,7`. */
  readonly row: string;
  /** The behaviour, in a sentence. */
  readonly says: string;
  readonly cases?: readonly Case[];
  /** Tests elsewhere that hold it: `path › name of the test`. */
  readonly elsewhere?: readonly string[];
  /** podflame does something else, and why; the cases hold what it does. */
  readonly differs?: string;
  readonly not_applicable?: string;
  readonly open?: string;
}

/** A file of rows. */
export interface Chapter {
  readonly name: string;
  readonly title: string;
  /** Objects that cases build upon. */
  readonly objects?: Readonly<Record<string, ObjectText>>;
  readonly rows: readonly Row[];
}

const FOLDER = join(import.meta.dirname, "rows");

/** All rows, by chapter, in the order of the files' names. */
export function chapters(): readonly Chapter[] {
  return globSync("*.yaml", { cwd: FOLDER })
    .toSorted()
    .map((file) => ({
      name: basename(file, ".yaml"),
      ...(parse(readFileSync(join(FOLDER, file), "utf8"), { merge: true, maxAliasCount: -1 }) as Omit<Chapter, "name">),
    }));
}

const ROW_KEYS = ["row", "says", "cases", "elsewhere", "differs", "not_applicable", "open"];
const STEP_KEYS = ["about", "upsert", "remove", "list", "wait", "send", "peer", "gives", "metrics"];
const CASE_KEYS =
  "about config env gates parsed error warning watches start_error source signals objects send peer gives steps".split(
    " ",
  );

/** Keys that nothing reads, which would make a row hold less than it says. */
export function unknownKeys(row: Row): readonly string[] {
  const unknown = (value: object, known: readonly string[]): string[] =>
    Object.keys(value).filter((key) => !known.includes(key));
  return [
    ...unknown(row, ROW_KEYS),
    ...(row.cases ?? []).flatMap((each) => [
      ...unknown(each, CASE_KEYS),
      ...(each.steps ?? []).flatMap((step) => unknown(step, STEP_KEYS)),
    ]),
  ];
}

/** How podflame stands to a row. */
export type Verdict = "same" | "differs" | "not applicable" | "open";

export function verdictOf(row: Row): Verdict {
  if (row.not_applicable !== undefined) return "not applicable";
  if (row.open !== undefined) return "open";
  return row.differs === undefined ? "same" : "differs";
}

/** Fills in what an object is `like`: maps are merged, lists and values replaced. */
export function complete(object: ObjectText, library: Chapter["objects"] = {}): ObjectText {
  const { like, ...own } = object;
  if (like === undefined) return { kind: "Pod", ...own };
  const base = library[like as string];
  if (base === undefined) throw new Error(`no object is called ${JSON.stringify(like)}`);
  return merged(complete(base, library), own);
}

function merged(base: ObjectText, over: ObjectText): ObjectText {
  const isMap = (value: unknown): value is ObjectText =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = base[key];
    if (value === null) delete result[key];
    else result[key] = isMap(value) && isMap(below) ? merged(below, value) : value;
  }
  return result;
}
