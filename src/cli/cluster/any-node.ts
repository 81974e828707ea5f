import { ConfigError, loadConfiguration, type ConfigSources, type LoadedConfiguration } from "#collector";
import { catalog } from "../components.ts";

/** Stands for a node's name where every node has its own. No node can be called so. */
export const ANY_NODE = "*";

const VARIABLE_KEY = "node_from_env_var";

type Path = readonly (string | number)[];

/**
 * Loads a configuration as a machine that is none of the nodes it is meant for: where a filter takes the node's name
 * from a variable, it is `ANY_NODE`, whether the variable is set or not.
 * @throws ConfigError for everything else that is wrong
 */
export async function loadForAnyNode(sources: ConfigSources): Promise<LoadedConfiguration> {
  let paths: readonly Path[];
  try {
    const loaded = await loadConfiguration(sources, catalog);
    paths = nodeVariables(loaded.tree);
    if (paths.length === 0) return loaded;
  } catch (caught) {
    if (!(caught instanceof ConfigError)) throw caught;
    if (!caught.problems.every(isNodeVariable)) throw caught;
    paths = caught.problems.map(({ path }) => path);
  }
  // Each time the variables that are unset are told, or else those that are set.
  return loadForAnyNode({ ...sources, sets: [...(sources.sets ?? []), ...paths.flatMap(anyNode)] });
}

/** Whether a problem is but that the variable with the node's name is unset or empty. */
export function isNodeVariable({ path }: { readonly path: Path }): boolean {
  return path.at(-1) === VARIABLE_KEY;
}

function anyNode(path: Path): string[] {
  const filter = path.slice(0, -1).join("::");
  return [`${filter}::${VARIABLE_KEY}=`, `${filter}::node="${ANY_NODE}"`];
}

/** Where the tree names such a variable. */
function nodeVariables(node: LoadedConfiguration["tree"], path: Path = []): Path[] {
  if (node.kind !== "map") return [];
  return [...node.entries].flatMap(([key, entry]) => {
    const below = [...path, key];
    if (key !== VARIABLE_KEY || entry.node.kind !== "scalar") return nodeVariables(entry.node, below);
    return entry.node.value === null || entry.node.value === "" ? [] : [below];
  });
}
