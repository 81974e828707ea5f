import { stringify } from "yaml";
import type { ComponentCatalog, ComponentKind } from "../catalog.ts";
import { parseComponentId } from "../component-id.ts";
import type { LoadedConfiguration } from "./configuration.ts";
import { SECTIONS, type SectionKey } from "./definitions.ts";
import { ExpandedValue } from "./expanded-value.ts";
import { collectSecrets, withoutPasswords } from "./fields.ts";
import { toPlain, type ConfigNode } from "./node.ts";

const REDACTED = "[REDACTED]";

/** Keys whose values are credentials wherever they stand; names of files that hold some are not. */
const SECRET_KEY = /pass(word|wd|phrase)?$|token$|secret|authorization|api[-_]?key|credential|cookie|key_pem$/i;
/** Sections of headers: any of them may carry a credential, as upstream holds it. */
const HEADER_SECTIONS = ["headers", "metadata"];

/**
 * The effective configuration as YAML: sources merged, variables expanded, credentials hidden. Hidden is what a
 * component reads as a credential, what stands under a key that sounds like one, all headers, and passwords in URLs.
 */
export async function printConfiguration(loaded: LoadedConfiguration, catalog: ComponentCatalog): Promise<string> {
  const secrets = await secretTexts(loaded.tree, catalog);
  return stringify(redacted(loaded.tree, [], secrets), { lineWidth: 120 });
}

/** What the components' own definitions say is a credential. */
async function secretTexts(tree: ConfigNode, catalog: ComponentCatalog): Promise<Set<string>> {
  const texts = new Set<string>();
  if (tree.kind !== "map") return texts;
  for (const [section, kind] of Object.entries(SECTIONS) as [SectionKey, ComponentKind][]) {
    const node = tree.entries.get(section)?.node;
    if (node?.kind !== "map") continue;
    for (const [key, { node: settings }] of node.entries) {
      const id = parseComponentId(key);
      const entry = "problem" in id ? undefined : catalog.find(kind, id.type);
      if (!entry) continue;
      const factory = await catalog.load(kind, entry);
      for (const text of collectSecrets(() => void factory.config.parse(toPlain(settings)))) texts.add(text);
    }
  }
  return texts;
}

function redacted(node: ConfigNode, path: readonly string[], secrets: ReadonlySet<string>): unknown {
  const key = path.at(-1) ?? "";
  switch (node.kind) {
    case "map":
      return Object.fromEntries(
        [...node.entries].map(([name, entry]) => [name, redacted(entry.node, [...path, name], secrets)]),
      );
    case "list":
      return node.items.map((item) => redacted(item, path, secrets));
    case "scalar": {
      const value = node.value instanceof ExpandedValue ? node.value.value : node.value;
      const text = node.value instanceof ExpandedValue ? node.value.text : String(node.value);
      if (value === null || typeof value === "boolean" || text === "") return value;
      const hidden = secrets.has(text) || SECRET_KEY.test(key) || isHeader(path);
      if (hidden) return REDACTED;
      return typeof value === "string" ? withoutPasswords(value) : value;
    }
  }
}

/** Headers stand as `headers: {name: value}` or as `headers: [{name, value}]`. k8s_attributes has `metadata: [names]`. */
function isHeader(path: readonly string[]): boolean {
  return path.slice(0, -1).some((key) => HEADER_SECTIONS.includes(key)) && path.at(-1) !== "name";
}
