import type { Configuration } from "#collector";
import { k8sAttributesProcessor, type K8sAttributesConfig } from "../components.ts";
import { counted } from "../inspect/text-table.ts";
import type { Check } from "./check.ts";

/** What the Collector must extract to know containers by their ids at all. */
const CONTAINER_METADATA: readonly string[] = [
  "container.image.name",
  "container.image.tags",
  "container.image.repo_digests",
  "k8s.container.name",
  "container.id",
  "service.version",
  "service.instance.id",
];

type Rule = K8sAttributesConfig["association"][number];

/** Whether the rules of each processor that is in use can name pods. */
export async function associationChecks({ processors, service }: Configuration): Promise<Check[]> {
  const { k8sAttributesProcessorFactory } = await k8sAttributesProcessor();
  const checks: Check[] = [];
  for (const [id, { factory, config }] of processors) {
    if (factory !== k8sAttributesProcessorFactory) continue;
    const signals = service.pipelines
      .filter((pipeline) => pipeline.processors.includes(id))
      .map(({ signal }) => signal);
    if (signals.length === 0) continue;
    const of = (check: Omit<Check, "topic" | "what">): Check => ({
      topic: "association",
      what: `processors::${id}`,
      ...check,
    });
    const found = ruleChecks(config as K8sAttributesConfig, signals.includes("profiles")).map(of);
    checks.push(...found);
    if (!found.some(({ state }) => state === "problem")) checks.push(of(verdict(config as K8sAttributesConfig)));
  }
  return checks;
}

function verdict({ association, source }: K8sAttributesConfig): Omit<Check, "topic" | "what"> {
  if (source === undefined) return { state: "ok", detail: "passes on what comes: no pod is named (passthrough)" };
  const rules = association.length === 0 ? "the default rules" : counted(association.length, "rule");
  return { state: "ok", detail: `${rules} that can match` };
}

function ruleChecks(config: K8sAttributesConfig, hasProfiles: boolean): Omit<Check, "topic" | "what">[] {
  const { association, warnings, onMiss, source, enrichment } = config;
  if (source === undefined) return [];
  const checks: Omit<Check, "topic" | "what">[] = [];
  for (const warning of warnings) {
    const neverMatches = warning.startsWith("pod_association");
    const [detail, remedy] = splitRemedy(warning);
    checks.push({ state: neverMatches ? "problem" : "note", detail, ...(remedy && { remedy }), isUsers: neverMatches });
  }
  for (const [at, rule] of association.entries()) {
    const before = association.findIndex(
      (other, index) => index < at && other.sources.every((each) => has(rule, each)),
    );
    if (before < 0 || onMiss !== "stop") continue;
    checks.push({
      state: "problem",
      detail: `pod_association[${at}] can never match: whenever it applies, pod_association[${before}] does and ends the search`,
      remedy: "put the rule with more sources first, or leave pod_association_on_miss at next",
      isUsers: true,
    });
  }
  if (hasProfiles && association.length > 0 && association.every((rule) => rule.sources.some(isConnection))) {
    checks.push({
      state: "note",
      detail:
        "every rule goes by the connection, but profiles of a node come from its agent: they'd get the agent's pod",
      remedy: "add a rule for container.id",
    });
  }
  const { metadata } = enrichment.extraction;
  const goesById = association.some((rule) =>
    rule.sources.some((each) => !isConnection(each) && each.name === "container.id"),
  );
  if (
    (goesById || (hasProfiles && association.length === 0)) &&
    !metadata.some((name) => CONTAINER_METADATA.includes(name))
  ) {
    checks.push({
      state: "note",
      detail:
        "pods are named by container.id here; the Collector would name none of them, for no attribute of containers is extracted",
      remedy: "to use the same configuration there, add k8s.container.name to extract.metadata",
    });
  }
  return checks;
}

/** A warning says what is wrong, then what to do. */
function splitRemedy(warning: string): [what: string, remedy: string | undefined] {
  const at = warning.lastIndexOf("; ");
  return at < 0 ? [warning, undefined] : [warning.slice(0, at), warning.slice(at + 2)];
}

type Source = Rule["sources"][number];

function isConnection(source: Source): source is Source & { readonly from: "connection" } {
  return source.from === "connection";
}

function has(rule: Rule, wanted: Source): boolean {
  return rule.sources.some((each) => JSON.stringify(each) === JSON.stringify(wanted));
}
