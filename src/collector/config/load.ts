import type { ComponentCatalog } from "../catalog.ts";
import { ConfigError } from "./config-error.ts";
import type { LoadedConfiguration } from "./configuration.ts";
import { listDefinitions, readComponents } from "./definitions.ts";
import { digestOf } from "./file-watch.ts";
import { expandNode, processSurroundings, type Surroundings } from "./expand.ts";
import { ProblemList } from "./problem-list.ts";
import { checkRootKeys, checkSignals, checkUnused, readService, type AllDefinitions } from "./service-section.ts";
import { mergeSources, type ConfigSources } from "./sources.ts";

/**
 * Reads, merges, expands and checks a configuration.
 * @throws ConfigError with all problems that can be found, in the order of the sources
 */
export async function loadConfiguration(
  sources: ConfigSources,
  catalog: ComponentCatalog,
  surroundings: Surroundings = processSurroundings,
): Promise<LoadedConfiguration> {
  const files = new Map<string, string>();
  const world: Surroundings = {
    env: surroundings.env,
    readFile(path) {
      const text = surroundings.readFile(path);
      files.set(path, digestOf(text));
      return text;
    },
  };
  const merged = mergeSources(sources, world);
  // What can't be read can't be checked: everything else would only be a consequence.
  if (merged.problems.length > 0) throw new ConfigError(merged.problems);

  const expanded = expandNode(merged.node, world);
  const root = expanded.node;
  const problems = new ProblemList(root);
  problems.problems.push(...expanded.problems);
  checkRootKeys(root, catalog, problems);
  const definitions: AllDefinitions = {
    receivers: listDefinitions(root, "receivers", catalog, problems),
    processors: listDefinitions(root, "processors", catalog, problems),
    exporters: listDefinitions(root, "exporters", catalog, problems),
    extensions: listDefinitions(root, "extensions", catalog, problems),
  };
  const service = readService(root, definitions, problems);
  const configuration = {
    receivers: await readComponents("receiver", root, "receivers", definitions.receivers, catalog, problems),
    processors: await readComponents("processor", root, "processors", definitions.processors, catalog, problems),
    exporters: await readComponents("exporter", root, "exporters", definitions.exporters, catalog, problems),
    extensions: await readComponents("extension", root, "extensions", definitions.extensions, catalog, problems),
    service,
  };
  checkSignals(service.pipelines, configuration, problems);
  if (problems.problems.length > 0) throw new ConfigError(problems.sorted());

  const warnings = new ProblemList(root);
  warnings.problems.push(...expanded.warnings);
  checkUnused(service, definitions, warnings);
  return {
    configuration,
    warnings: warnings.sorted(),
    files,
    tree: root,
  };
}
