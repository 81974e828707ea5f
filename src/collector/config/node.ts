import type { Place } from "./config-error.ts";
import { ExpandedValue } from "./expanded-value.ts";

/** A configuration as a tree that remembers where each part was written. Never changed in place. */
export type ConfigNode = MapNode | ListNode | ScalarNode;

export interface MapNode {
  readonly kind: "map";
  readonly place: Place;
  readonly entries: ReadonlyMap<string, MapEntry>;
  /** Where the whole map came from a `${…}`: the text it was read from, for fields that want a string. */
  readonly text?: string;
}

export interface MapEntry {
  /** Where the key stands: what errors point at. */
  readonly keyPlace: Place;
  readonly node: ConfigNode;
}

export interface ListNode {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly ConfigNode[];
  readonly text?: string;
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly place: Place;
  readonly value: string | number | boolean | null | ExpandedValue;
  /** Reading the value failed and has been reported: what follows from that isn't. */
  readonly broken?: boolean;
}

/** `null`, also where it came out of a variable that isn't set. */
export function isNull(node: ConfigNode): boolean {
  return node.kind === "scalar" && (node.value instanceof ExpandedValue ? node.value.value : node.value) === null;
}

/** The tree as plain values, as `ConfigDefinition.parse` takes them. */
export function toPlain(node: ConfigNode): unknown {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return withText(node.items.map(toPlain), node.text);
    case "map": {
      // Without a prototype, a key such as __proto__ is a key like any other.
      const plain = Object.create(null) as Record<string, unknown>;
      for (const [key, entry] of node.entries) plain[key] = toPlain(entry.node);
      return withText(plain, node.text);
    }
  }
}

function withText(value: unknown, text: string | undefined): unknown {
  return text === undefined ? value : new ExpandedValue(value, text);
}

/** What was found on the way along a path. */
export interface Located {
  /** The place of the last key that exists. */
  readonly place: Place;
  /** The node at the end of the path, if the whole path exists. */
  readonly node: ConfigNode | undefined;
  /** The path leads into a value whose reading failed. */
  readonly broken: boolean;
}

/** Follows `path` as far as it exists. */
export function locate(root: ConfigNode, path: readonly (string | number)[]): Located {
  let place = root.place;
  let node: ConfigNode = root;
  for (const key of path) {
    let next: ConfigNode | undefined;
    if (node.kind === "map") {
      const entry = node.entries.get(String(key));
      if (entry) [next, place] = [entry.node, entry.keyPlace];
    } else if (node.kind === "list") {
      next = node.items[Number(key)];
      if (next) place = next.place;
    }
    if (!next) return { place, node: undefined, broken: node.kind === "scalar" && node.broken === true };
    node = next;
  }
  return { place, node, broken: node.kind === "scalar" && node.broken === true };
}

/**
 * Lays `over` upon `base` as the Collector merges configurations: maps are joined key by key, anything else replaces
 * what stood there; a `null` replaces a map, and a map replaces a `null`.
 */
export function mergeNodes(base: ConfigNode, over: ConfigNode): ConfigNode {
  if (base.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const below = entries.get(key);
    entries.set(key, below ? { keyPlace: entry.keyPlace, node: mergeNodes(below.node, entry.node) } : entry);
  }
  return { kind: "map", place: over.place, entries };
}

/**
 * Reads keys of the root such as `processors::batch::timeout` as the path they are, which is how a single value can be
 * given in one line.
 */
export function splitRootKeys(root: ConfigNode): ConfigNode {
  if (root.kind !== "map" || ![...root.entries.keys()].some((key) => key.includes("::"))) return root;
  let result: ConfigNode = { kind: "map", place: root.place, entries: new Map() };
  for (const [key, { keyPlace, node }] of root.entries) {
    result = mergeNodes(result, nodeAtPath(key.split("::"), keyPlace, node));
  }
  return result;
}

/** A tree with nothing but `node` at the end of `path`. */
export function nodeAtPath(path: readonly string[], place: Place, node: ConfigNode): ConfigNode {
  return path.reduceRight<ConfigNode>(
    (inner, key) => ({ kind: "map", place, entries: new Map([[key, { keyPlace: place, node: inner }]]) }),
    node,
  );
}
