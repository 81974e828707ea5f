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
  const loaded = await loadOnNode(sources, ANY_NODE);
  const paths = nodeVariables(loaded.tree);
  return paths.length === 0 ? loaded : loadConfiguration(withNode(sources, paths, ANY_NODE), catalog);
}

/**
 * Loads a configuration; where a filter takes the node's name from a variable that is unset or empty, with `node` for
 * the name. An empty one is no filter.
 * @throws ConfigError for everything else that is wrong
 */
export async function loadOnNode(sources: ConfigSources, node: string): Promise<LoadedConfiguration> {
  try {
    return await loadConfiguration(sources, catalog);
  } catch (caught) {
    if (!(caught instanceof ConfigError) || !caught.problems.every(isNodeVariable)) throw caught;
    const paths = caught.problems.map(({ path }) => path);
    return loadConfiguration(withNode(sources, paths, node), catalog);
  }
}

/** Whether a problem is but that the variable with the node's name is unset or empty. */
export function isNodeVariable({ path }: { readonly path: Path }): boolean {
  return path.at(-1) === VARIABLE_KEY;
}

/** @param paths of the keys that name variables */
function withNode(sources: ConfigSources, paths: readonly Path[], node: string): ConfigSources {
  const sets = paths.flatMap((path) => {
    const filter = path.slice(0, -1).join("::");
    return [`${filter}::${VARIABLE_KEY}=`, `${filter}::node="${node}"`];
  });
  return { ...sources, sets: [...(sources.sets ?? []), ...sets] };
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
