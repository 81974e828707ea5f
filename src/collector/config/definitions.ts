import { parseComponentId, type ComponentId } from "../component-id.ts";
import type { CatalogEntry, ComponentCatalog, ComponentKind } from "../catalog.ts";
import type { ComponentConfig } from "./configuration.ts";
import { nearest } from "./fields.ts";
import { isNull, toPlain, type ConfigNode } from "./node.ts";
import type { ProblemList } from "./problem-list.ts";

/** The root keys that define components. */
export const SECTIONS = {
  receivers: "receiver",
  processors: "processor",
  exporters: "exporter",
  extensions: "extension",
} as const satisfies Record<string, ComponentKind>;
export type SectionKey = keyof typeof SECTIONS;

/** The ids that a section defines, found before the components are read; unknown types are left undefined. */
export type Definitions = ReadonlyMap<string, { readonly id: ComponentId; readonly entry: CatalogEntry | undefined }>;

/** Finds out which components a section defines. Reports ids and types that make no sense. */
export function listDefinitions(
  root: ConfigNode,
  section: SectionKey,
  catalog: ComponentCatalog,
  problems: ProblemList,
): Definitions {
  const definitions = new Map<string, { id: ComponentId; entry: CatalogEntry | undefined }>();
  const node = root.kind === "map" ? root.entries.get(section)?.node : undefined;
  if (!node || isNull(node)) return definitions;
  if (node.kind !== "map") {
    problems.add([section], `expected a map of ids and settings`);
    return definitions;
  }
  for (const key of node.entries.keys()) {
    const parsed = parseComponentId(key);
    if ("problem" in parsed) {
      problems.add([section, key], parsed.problem);
      continue;
    }
    if (definitions.has(parsed.text)) {
      problems.add([section, key], `${SECTIONS[section]} "${parsed.text}" is defined twice`);
      continue;
    }
    const entry = catalog.find(SECTIONS[section], parsed.type);
    if (!entry) problems.add([section, key], unknownType(SECTIONS[section], parsed.type, catalog));
    definitions.set(parsed.text, { id: { ...parsed, type: entry?.type ?? parsed.type }, entry });
  }
  return definitions;
}

function unknownType(kind: ComponentKind, type: string, catalog: ComponentCatalog): string {
  const elsewhere = Object.values(SECTIONS).find((other) => other !== kind && catalog.find(other, type));
  const known = catalog.words(kind);
  const near = nearest(type, known);
  if (near !== undefined) return `there is no ${kind} "${type}"; did you mean "${near}"?`;
  if (elsewhere) return `there is no ${kind} "${type}", but ${elsewhere === "exporter" ? "an" : "a"} ${elsewhere}`;
  return `there is no ${kind} "${type}"; known here: ${known.join(", ") || "none"}`;
}

/** Reads the settings of each component of a section with its own definition, and reports all problems. */
export async function readComponents<K extends ComponentKind>(
  kind: K,
  root: ConfigNode,
  section: SectionKey,
  definitions: Definitions,
  catalog: ComponentCatalog,
  problems: ProblemList,
): Promise<Map<string, ComponentConfig<K>>> {
  const components = new Map<string, ComponentConfig<K>>();
  const node = root.kind === "map" ? root.entries.get(section)?.node : undefined;
  if (node?.kind !== "map") return components;
  for (const [key, { node: settings }] of node.entries) {
    const parsed = parseComponentId(key);
    const definition = "problem" in parsed ? undefined : definitions.get(parsed.text);
    if (!definition?.entry || components.has(definition.id.text)) continue;
    const factory = await catalog.load(kind, definition.entry);
    const result = factory.config.parse(toPlain(settings));
    if ("problems" in result) {
      for (const issue of result.problems) problems.add([section, key, ...issue.path], issue.message);
    } else {
      components.set(definition.id.text, { id: definition.id, factory, config: result.config });
    }
  }
  return components;
}
