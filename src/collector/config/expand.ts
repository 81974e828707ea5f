/**
 * Variables in configurations, as the Collector's confmap expands them: `${env:X}`, `${X}`, `${env:X:-default}`,
 * `${file:path}`, `${yaml:text}`, nested and embedded, `$$` for a dollar sign. A value that is one variable and
 * nothing else takes the type its text has in YAML, and keeps the text for fields that want a string.
 */
import { readFileSync } from "node:fs";
import type { ConfigProblem, Place } from "./config-error.ts";
import { ExpandedValue } from "./expanded-value.ts";
import type { ConfigNode, ListNode, MapNode, ScalarNode } from "./node.ts";
import { readYaml } from "./read-yaml.ts";

/** The world that variables are taken from. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file named in the configuration; throws what Node throws. */
  readFile(path: string): string;
}

/** The process's own environment and files. */
export const processSurroundings: Surroundings = {
  env: process.env,
  readFile: (path) => readFileSync(path, "utf8"),
};

/** A tree without variables, and what was found out on the way. */
export interface Expansion {
  readonly node: ConfigNode;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** As upstream; a variable whose value names itself would go on for ever. */
const MAX_ROUNDS = 1000;
/** Upstream has no bound on growth: a value that holds itself twice doubles each round. */
const MAX_TEXT_LENGTH = 1 << 20;
/** How deep files may include files. */
const MAX_DEPTH = 50;

/** Expands all variables of a tree. Problems leave a broken `null` in place, so that others are found as well. */
export function expandNode(root: ConfigNode, surroundings: Surroundings): Expansion {
  const expander = new Expander(surroundings);
  const node = expander.expand(root, [], 0);
  return { node, problems: expander.problems, warnings: expander.warnings };
}

type Path = readonly (string | number)[];

class ExpansionProblem extends Error {}

interface Retrieved {
  readonly text: string;
  /** Where it was read from, if that is a file. */
  readonly file?: string;
}

class Expander {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];
  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  expand(node: ConfigNode, path: Path, depth: number): ConfigNode {
    switch (node.kind) {
      case "list":
        return { ...node, items: node.items.map((item, index) => this.expand(item, [...path, index], depth)) };
      case "map": {
        const entries = [...node.entries].map(
          ([key, entry]) => [key, { ...entry, node: this.expand(entry.node, [...path, key], depth) }] as const,
        );
        return { ...node, entries: new Map(entries) };
      }
      case "scalar":
        return typeof node.value === "string" ? this.#expandText(node, node.value, path, depth) : node;
    }
  }

  #expandText(node: ScalarNode, written: string, path: Path, depth: number): ConfigNode {
    try {
      if (depth > MAX_DEPTH) throw new ExpansionProblem(`files include each other more than ${MAX_DEPTH} deep`);
      let text = written;
      for (let round = 0; ; round++) {
        const uri = findUri(text);
        if (!uri) return { ...node, value: unescape(text) };
        if (round >= MAX_ROUNDS) throw new ExpansionProblem(`has no end after ${MAX_ROUNDS} rounds of expansion`);
        const retrieved = this.#retrieve(text.slice(uri.start + 2, uri.end - 1), node.place, path);
        if (uri.start === 0 && uri.end === text.length) {
          const whole = this.#whole(retrieved, node.place, path, depth);
          if (whole) return whole;
        }
        text = text.slice(0, uri.start) + retrieved.text + text.slice(uri.end);
        if (text.length > MAX_TEXT_LENGTH) {
          throw new ExpansionProblem(`grows beyond ${MAX_TEXT_LENGTH} characters when expanded`);
        }
      }
    } catch (error) {
      if (!(error instanceof ExpansionProblem)) throw error;
      this.problems.push({ place: node.place, path, message: error.message });
      return { kind: "scalar", place: node.place, value: null, broken: true };
    }
  }

  /** The node that a variable standing alone becomes, or undefined if its text is a string in YAML's eyes as well. */
  #whole({ text, file }: Retrieved, place: Place, path: Path, depth: number): ConfigNode | undefined {
    const { node, problems } = readYaml(text, file ?? place.source);
    // Text that isn't YAML is a string: passwords look like anything.
    if (problems.length > 0) return undefined;
    if (node.kind === "scalar") {
      if (typeof node.value === "string") return undefined;
      const typed = node.value instanceof ExpandedValue ? node.value.value : node.value;
      return { kind: "scalar", place, value: new ExpandedValue(typed, text) };
    }
    // In a file, places can be pointed at; elsewhere only the variable can.
    const placed = file === undefined ? moved(node, place) : node;
    const expanded = this.expand(placed, path, depth + 1) as MapNode | ListNode;
    return { ...expanded, text };
  }

  #retrieve(uri: string, place: Place, path: Path): Retrieved {
    const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):(?!-)/.exec(uri)?.[1];
    const rest = scheme === undefined ? uri : uri.slice(scheme.length + 1);
    if (rest.includes("$")) throw new ExpansionProblem(`\${${uri}}: a "$" can't stand inside a variable`);
    switch (scheme) {
      case undefined:
      case "env":
        return { text: this.#environment(rest, place, path) };
      case "file":
        return { text: this.#file(rest), file: rest };
      case "yaml":
        return { text: rest };
      default:
        throw new ExpansionProblem(`\${${uri}}: unknown scheme "${scheme}"; env, file and yaml exist here`);
    }
  }

  #environment(reference: string, place: Place, path: Path): string {
    const at = reference.indexOf(":-");
    const name = at < 0 ? reference : reference.slice(0, at);
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
      throw new ExpansionProblem(
        `\${${reference}}: not a name of an environment variable; write letters, digits and "_", or "$$" for a "$"`,
      );
    }
    const value = this.#surroundings.env[name];
    if (value !== undefined) return value;
    if (at >= 0) return reference.slice(at + 2);
    this.warnings.push({ place, path, message: `environment variable ${name} is not set, taken as empty` });
    return "";
  }

  #file(path: string): string {
    try {
      // Files of one line end with a line break that nobody means: a token with it is no valid header.
      return this.#surroundings.readFile(path).replace(/^([^\n]*)\r?\n$/, "$1");
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const what = code === "ENOENT" ? "there is no such file" : `can't be read: ${message}`;
      throw new ExpansionProblem(`\${file:${path}}: ${what}`);
    }
  }
}

/**
 * The first variable that holds no other: the first `}` with a `${` before it. An odd number of further dollar signs
 * before that means that it's meant as text.
 */
function findUri(text: string): { readonly start: number; readonly end: number } | undefined {
  for (let from = 0; ;) {
    const close = text.indexOf("}", from);
    if (close < 0) return undefined;
    const open = text.lastIndexOf("${", close);
    if (open >= from) {
      let dollars = 0;
      while (text[open - 1 - dollars] === "$") dollars++;
      if (dollars % 2 === 0) return { start: open, end: close + 1 };
    }
    from = close + 1;
  }
}

function unescape(text: string): string {
  return text.replaceAll("$$", "$");
}

/** What came out of a variable stands where the variable stands. */
function moved(node: ConfigNode, place: Place): ConfigNode {
  switch (node.kind) {
    case "scalar":
      return { ...node, place };
    case "list":
      return { ...node, place, items: node.items.map((item) => moved(item, place)) };
    case "map": {
      const entries = [...node.entries].map(
        ([key, entry]) => [key, { keyPlace: place, node: moved(entry.node, place) }] as const,
      );
      return { ...node, place, entries: new Map(entries) };
    }
  }
}
