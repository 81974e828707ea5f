import type { ConfigProblem, Place } from "./config-error.ts";
import type { Surroundings } from "./expand.ts";
import { mergeNodes, nodeAtPath, splitRootKeys, type ConfigNode } from "./node.ts";
import { readYaml } from "./read-yaml.ts";

/** What the user named on the command line. */
export interface ConfigSources {
  /** Files or URIs (`file:PATH`, `env:NAME`, `yaml:TEXT`), later ones laid upon earlier ones. */
  readonly configs: readonly string[];
  /** `path=value`, laid upon all of them. */
  readonly sets?: readonly string[];
}

/** The sources as one tree, variables not yet expanded. */
export interface MergedSources {
  readonly node: ConfigNode;
  readonly problems: readonly ConfigProblem[];
}

/** Reads and merges all sources. */
export function mergeSources(sources: ConfigSources, surroundings: Surroundings): MergedSources {
  const problems: ConfigProblem[] = [];
  let merged: ConfigNode | undefined;
  const lay = (node: ConfigNode): void => {
    merged = merged ? mergeNodes(merged, node) : node;
  };

  for (const [index, uri] of sources.configs.entries()) {
    const read = readSource(uri, index, surroundings);
    problems.push(...read.problems);
    if (read.node) lay(splitRootKeys(read.node));
  }
  for (const set of sources.sets ?? []) {
    const read = readSet(set);
    problems.push(...read.problems);
    if (read.node) lay(read.node);
  }
  const nothing: Place = { source: "(no configuration)", line: 1, column: 1 };
  return { node: merged ?? { kind: "map", place: nothing, entries: new Map() }, problems };
}

interface SourceRead {
  readonly node?: ConfigNode;
  readonly problems: readonly ConfigProblem[];
}

function readSource(uri: string, index: number, surroundings: Surroundings): SourceRead {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(uri)?.[1];
  const rest = scheme === undefined ? uri : uri.slice(scheme.length + 1);
  switch (scheme) {
    case undefined:
    case "file":
      return readFileSource(rest, surroundings);
    case "env": {
      const text = surroundings.env[rest];
      if (text === undefined) return refused(`--config env:${rest}: environment variable ${rest} is not set`);
      return readMap(text, `(env:${rest})`);
    }
    case "yaml":
      return readMap(rest, `(--config ${index + 1}, yaml)`);
    default:
      return refused(
        `--config ${uri}: unknown scheme "${scheme}"; a file, file:, env: and yaml: can be read here` +
          (scheme.startsWith("http") ? " (download it first)" : ""),
      );
  }
}

function readFileSource(path: string, surroundings: Surroundings): SourceRead {
  try {
    return readMap(surroundings.readFile(path), path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return refused(code === "ENOENT" ? `${path}: there is no such file` : `${path}: can't be read: ${message}`);
  }
}

/** A source must be a map; an empty one counts as a map without entries. */
function readMap(text: string, source: string): SourceRead {
  const { node, problems } = readYaml(text, source);
  if (problems.length > 0) return { problems };
  if (node.kind === "map") return { node, problems };
  if (node.kind === "scalar" && node.value === null) {
    return { node: { kind: "map", place: node.place, entries: new Map() }, problems };
  }
  const message = "expected a map with receivers, exporters and service";
  return { problems: [{ place: node.place, path: [], message }] };
}

/** Where the path has `::`, that is the separator, so that ids with dots can be named; otherwise the dot is. */
function readSet(set: string): SourceRead {
  const at = set.indexOf("=");
  const path = set.slice(0, at).trim();
  if (at < 0 || path === "") {
    return refused(`--set ${set}: expected path=value, e.g. --set processors::batch::timeout=2s`);
  }
  const keys = path.split(path.includes("::") ? "::" : ".");
  if (keys.includes("")) return refused(`--set ${path}: a part of the path is empty`);
  const source = `(--set ${path})`;
  const { node, problems } = readYaml(set.slice(at + 1).trim(), source);
  if (problems.length > 0) return { problems };
  return { node: nodeAtPath(keys, { source, line: 1, column: 1 }, node), problems };
}

function refused(message: string): SourceRead {
  return { problems: [{ path: [], message }] };
}
