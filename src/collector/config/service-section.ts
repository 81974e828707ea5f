import { SIGNALS, type Signal } from "#otlp";
import type { ComponentCatalog } from "../catalog.ts";
import { parseComponentId } from "../component-id.ts";
import type { Configuration, PipelineConfig } from "./configuration.ts";
import { SECTIONS, type Definitions, type SectionKey } from "./definitions.ts";
import { defineConfig, list, nearest, optional, section, string, unknownKeyMessage } from "./fields.ts";
import { isNull, toPlain, type ConfigNode } from "./node.ts";
import type { ProblemList } from "./problem-list.ts";
import { DEFAULT_TELEMETRY, telemetryConfig, type TelemetryConfig } from "./telemetry.ts";

/** What each section of the file defines. */
export type AllDefinitions = Readonly<Record<SectionKey, Definitions>>;

const SERVICE_KEYS = ["extensions", "pipelines", "telemetry"];
const ROLES = ["receivers", "processors", "exporters"] as const;
type Role = (typeof ROLES)[number];

const pipelineConfig = defineConfig(
  section({
    receivers: optional(list(string()), []),
    processors: optional(list(string()), []),
    exporters: optional(list(string()), []),
  }),
);
const extensionsConfig = defineConfig(optional(list(string()), []));

/** Reads `service`, resolves what it names, and reports all problems. */
export function readService(
  root: ConfigNode,
  definitions: AllDefinitions,
  problems: ProblemList,
): Configuration["service"] {
  const node = root.kind === "map" ? root.entries.get("service")?.node : undefined;
  if (!node || isNull(node)) {
    problems.add(["service"], "is missing: at least one pipeline must stand in service::pipelines");
    return { extensions: [], pipelines: [], telemetry: DEFAULT_TELEMETRY };
  }
  if (node.kind !== "map") {
    problems.add(["service"], "expected a map with pipelines, extensions and telemetry");
    return { extensions: [], pipelines: [], telemetry: DEFAULT_TELEMETRY };
  }
  for (const key of node.entries.keys()) {
    if (!SERVICE_KEYS.includes(key)) problems.add(["service", key], unknownKeyMessage(key, SERVICE_KEYS));
  }
  return {
    extensions: readExtensions(node.entries.get("extensions")?.node, definitions, problems),
    pipelines: readPipelines(node.entries.get("pipelines")?.node, definitions, problems),
    telemetry: readTelemetry(node.entries.get("telemetry")?.node, problems),
  };
}

function readTelemetry(node: ConfigNode | undefined, problems: ProblemList): TelemetryConfig {
  if (!node) return DEFAULT_TELEMETRY;
  const result = telemetryConfig.parse(toPlain(node));
  if ("config" in result) return result.config;
  for (const issue of result.problems) problems.add(["service", "telemetry", ...issue.path], issue.message);
  return DEFAULT_TELEMETRY;
}

function readExtensions(node: ConfigNode | undefined, definitions: AllDefinitions, problems: ProblemList): string[] {
  if (!node) return [];
  const result = extensionsConfig.parse(toPlain(node));
  if ("problems" in result) {
    for (const issue of result.problems) problems.add(["service", "extensions", ...issue.path], issue.message);
    return [];
  }
  return resolve(result.config, "extensions", ["service", "extensions"], definitions, problems);
}

function readPipelines(
  node: ConfigNode | undefined,
  definitions: AllDefinitions,
  problems: ProblemList,
): PipelineConfig[] {
  const path = ["service", "pipelines"];
  if (node && !isNull(node) && node.kind !== "map") problems.add(path, "expected a map of pipelines by signal");
  if (node?.kind !== "map" || node.entries.size === 0) {
    if (!node || isNull(node) || node.kind === "map") problems.add(path, "is missing: at least one pipeline is needed");
    return [];
  }
  const pipelines: PipelineConfig[] = [];
  for (const [key, entry] of node.entries) {
    const pipeline = readPipeline(key, entry.node, definitions, problems);
    if (!pipeline) continue;
    if (pipelines.some(({ id }) => id === pipeline.id)) problems.add([...path, key], `is defined twice`);
    pipelines.push(pipeline);
  }
  return pipelines;
}

function readPipeline(
  key: string,
  node: ConfigNode,
  definitions: AllDefinitions,
  problems: ProblemList,
): PipelineConfig | undefined {
  const path = ["service", "pipelines", key];
  const id = parseComponentId(key);
  if ("problem" in id) {
    problems.add(path, id.problem);
    return undefined;
  }
  const signal = SIGNALS.find((candidate) => candidate === id.type);
  if (signal === undefined) {
    const near = nearest(id.type, SIGNALS);
    const hint = near === undefined ? `expected one of ${SIGNALS.join(", ")}` : `did you mean "${near}"?`;
    problems.add(path, `unknown signal "${id.type}"; ${hint}`);
  }
  const result = pipelineConfig.parse(toPlain(node));
  if ("problems" in result) {
    for (const issue of result.problems) problems.add([...path, ...issue.path], issue.message);
    return undefined;
  }
  const roles = {} as Record<Role, string[]>;
  for (const role of ROLES) {
    roles[role] = resolve(result.config[role], role, [...path, role], definitions, problems);
    if (signal !== undefined) checkNotEmpty(role, result.config[role], path, problems);
  }
  return signal === undefined ? undefined : { id: id.text, signal, ...roles };
}

function checkNotEmpty(role: Role, ids: readonly string[], path: readonly string[], problems: ProblemList): void {
  if (role !== "processors" && ids.length === 0) {
    problems.add([...path, role], `must have at least one ${SECTIONS[role]}`);
  }
}

/** The ids as they are defined. A reference may use another spelling of the type, if only one definition fits. */
function resolve(
  references: readonly string[],
  section: SectionKey,
  path: readonly string[],
  definitions: AllDefinitions,
  problems: ProblemList,
): string[] {
  const resolved: string[] = [];
  for (const [index, reference] of references.entries()) {
    const at = [...path, index];
    const id = parseComponentId(reference);
    if ("problem" in id) {
      problems.add(at, id.problem);
      continue;
    }
    const found = findDefinition(id.text, section, definitions);
    if (found === undefined) problems.add(at, undefinedReference(id.text, section, definitions));
    else if (resolved.includes(found)) problems.add(at, `names ${SECTIONS[section]} "${found}" a second time`);
    else resolved.push(found);
  }
  return resolved;
}

function findDefinition(text: string, section: SectionKey, definitions: AllDefinitions): string | undefined {
  if (definitions[section].has(text)) return text;
  const [type, name = ""] = text.split("/");
  const fitting = [...definitions[section]].filter(
    ([, { id, entry }]) => id.name === name && (entry?.type === type || entry?.aliases?.includes(type!) === true),
  );
  return fitting.length === 1 ? fitting[0]![0] : undefined;
}

function undefinedReference(text: string, section: SectionKey, definitions: AllDefinitions): string {
  const known = [...definitions[section].keys()];
  const near = nearest(text, known);
  const hint = near === undefined ? `defined are: ${known.join(", ") || "none"}` : `did you mean "${near}"?`;
  return `${SECTIONS[section]} "${text}" is not defined under ${section}; ${hint}`;
}

/** Reports components that a pipeline names for a signal that they don't handle. */
export function checkSignals(
  pipelines: readonly PipelineConfig[],
  configuration: Pick<Configuration, Role>,
  problems: ProblemList,
): void {
  for (const { id, signal, ...roles } of pipelines) {
    for (const role of ROLES) {
      for (const name of roles[role]) {
        const component = configuration[role].get(name);
        if (!component || component.factory.stability[signal] !== undefined) continue;
        const handled = Object.keys(component.factory.stability) as Signal[];
        problems.add(
          ["service", "pipelines", id, role],
          `${SECTIONS[role]} "${name}" doesn't handle ${signal}; it handles ${handled.join(", ") || "no signal"}`,
        );
      }
    }
  }
}

/** Warns of what is defined and named nowhere, for that is more often an oversight than not. */
export function checkUnused(
  service: Configuration["service"],
  definitions: AllDefinitions,
  warnings: ProblemList,
): void {
  const used: Record<SectionKey, Set<string>> = {
    receivers: new Set(service.pipelines.flatMap((pipeline) => pipeline.receivers)),
    processors: new Set(service.pipelines.flatMap((pipeline) => pipeline.processors)),
    exporters: new Set(service.pipelines.flatMap((pipeline) => pipeline.exporters)),
    extensions: new Set(service.extensions),
  };
  for (const section of Object.keys(SECTIONS) as SectionKey[]) {
    const where = section === "extensions" ? "service::extensions" : "any pipeline";
    for (const [text] of definitions[section]) {
      if (!used[section].has(text)) {
        warnings.add(
          [section, text],
          `${SECTIONS[section]} "${text}" is defined but not named in ${where}: not started`,
        );
      }
    }
  }
}

/** The root keys of a file. */
export function checkRootKeys(root: ConfigNode, catalog: ComponentCatalog, problems: ProblemList): void {
  if (root.kind !== "map") return;
  const known = [...Object.keys(SECTIONS), "connectors", "service"];
  for (const [key, { node }] of root.entries) {
    if (key === "connectors") {
      const ids = node.kind === "map" ? [...node.entries.keys()] : [];
      for (const id of ids) {
        problems.add(
          [key, id],
          `there is no connector "${id}": podflame has no connectors; ${connectorRemedy(catalog)}`,
        );
      }
    } else if (!known.includes(key)) problems.add([key], unknownKeyMessage(key, [...Object.keys(SECTIONS), "service"]));
  }
}

function connectorRemedy(catalog: ComponentCatalog): string {
  return `feed several pipelines from one receiver instead (receivers here: ${catalog.words("receiver").join(", ")})`;
}
