import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Scalar } from "yaml";
import type { ConfigProblem, Place } from "./config-error.ts";
import type { ConfigNode, MapEntry } from "./node.ts";

/** Bound on what aliases may multiply a document to. Real configurations have hundreds. */
const MAX_NODES = 200_000;

/**
 * Reads a YAML text into a tree with positions, as the Collector's YAML reader does: YAML 1.2 core types, `<<` merge
 * keys, and numbers also as `0755` (octal) and `1_000`. An empty text gives `null`.
 */
export function readYaml(
  text: string,
  source: string,
): { readonly node: ConfigNode; readonly problems: readonly ConfigProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    logLevel: "silent",
    // Checked below: the library's check is quadratic and points beside the key.
    uniqueKeys: false,
  });
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { source, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const start: Place = { source, line: 1, column: 1 };
  const empty: ConfigNode = { kind: "scalar", place: start, value: null };
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      place: placeOf(error.pos[0]),
      path: [],
      message: `not readable as YAML: ${error.message}`,
    }));
    return { node: empty, problems };
  }
  try {
    return { node: new TreeBuilder(document, placeOf).build(document.contents, start), problems: [] };
  } catch (error) {
    if (!(error instanceof TreeProblem)) throw error;
    return { node: empty, problems: [{ place: error.place, path: [], message: error.message }] };
  }
}

class TreeProblem extends Error {
  readonly place: Place;

  constructor(place: Place, message: string) {
    super(message);
    this.place = place;
  }
}

class TreeBuilder {
  readonly #document: Document.Parsed;
  readonly #placeOf: (offset: number) => Place;
  readonly #open = new Set<unknown>();
  #nodes = 0;

  constructor(document: Document.Parsed, placeOf: (offset: number) => Place) {
    this.#document = document;
    this.#placeOf = placeOf;
  }

  build(node: unknown, fallback: Place): ConfigNode {
    const place = this.#place(node, fallback);
    if (++this.#nodes > MAX_NODES) throw new TreeProblem(place, `has more than ${MAX_NODES} values, aliases followed`);
    if (isAlias(node)) return this.build(this.#target(node, place), place);
    if (isScalar(node)) return { kind: "scalar", place, value: scalarValue(node) };
    if (!isSeq(node) && !isMap(node)) return { kind: "scalar", place, value: null };
    if (this.#open.has(node)) throw new TreeProblem(place, "an alias leads back into itself");
    this.#open.add(node);
    const built: ConfigNode = isSeq(node)
      ? { kind: "list", place, items: node.items.map((item) => this.build(item, place)) }
      : { kind: "map", place, entries: this.#entries(node.items, place) };
    this.#open.delete(node);
    return built;
  }

  #entries(pairs: readonly { key: unknown; value: unknown }[], place: Place): Map<string, MapEntry> {
    const entries = new Map<string, MapEntry>();
    const inherited = new Map<string, MapEntry>();
    for (const { key, value } of pairs) {
      const keyPlace = this.#place(key, place);
      if (!isScalar(key)) throw new TreeProblem(keyPlace, "a key must be a plain word, not a list or a map");
      const name = typeof key.source === "string" && typeof key.value !== "string" ? key.source : String(key.value);
      if (name === "<<" && key.type === "PLAIN") {
        this.#inherit(this.build(value, keyPlace), keyPlace, inherited);
        continue;
      }
      const first = entries.get(name);
      if (first)
        throw new TreeProblem(keyPlace, `key "${name}" stands here a second time, after line ${first.keyPlace.line}`);
      entries.set(name, { keyPlace, node: this.build(value, keyPlace) });
    }
    for (const [name, entry] of inherited) if (!entries.has(name)) entries.set(name, entry);
    return entries;
  }

  /** `<<`: one map, or a list of them of which the first wins. */
  #inherit(from: ConfigNode, place: Place, into: Map<string, MapEntry>): void {
    const maps = from.kind === "list" ? from.items : [from];
    for (const map of maps) {
      if (map.kind !== "map") throw new TreeProblem(place, `"<<" takes a map or a list of maps`);
      for (const [name, entry] of map.entries) if (!into.has(name)) into.set(name, entry);
    }
  }

  #target(alias: { readonly source: string; resolve(document: Document.Parsed): unknown }, place: Place): unknown {
    const target = alias.resolve(this.#document);
    if (target === undefined) throw new TreeProblem(place, `no anchor "&${alias.source}" stands above this alias`);
    return target;
  }

  #place(node: unknown, fallback: Place): Place {
    const range = (node as { range?: readonly number[] | null } | null)?.range;
    return range ? this.#placeOf(range[0]!) : fallback;
  }
}

function scalarValue(scalar: Scalar): string | number | boolean | null {
  const { value, source } = scalar;
  if (scalar.type === "PLAIN" && source !== undefined) {
    if (/^[-+]?0[0-7]+$/.test(source)) return parseInt(source, 8);
    if (/^[-+]?[0-9]+(_[0-9]+)+$/.test(source)) return Number(source.replaceAll("_", ""));
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null) {
    return value;
  }
  return typeof value === "bigint" ? Number(value) : (source ?? null);
}
