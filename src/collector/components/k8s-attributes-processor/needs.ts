import { type AccessRule, accessRules, united, type Wanted, watchPlan } from "#identity";
import { extractionOfRule } from "./association.ts";
import type { K8sAttributesConfig } from "./config.ts";
import { Extraction } from "./extraction.ts";

/** All that a configuration has to know of the cluster: what is added to resources, and what rules compare. */
export function wantedBy({ enrichment, association }: K8sAttributesConfig): Wanted {
  const { extraction } = enrichment;
  const extractions = [new Extraction(extraction), ...association.map((rule) => extractionOfRule(rule, extraction))];
  return united(extractions);
}

/** The rights that a configuration needs, no more and no less; none for a file and for `passthrough`. */
export async function rightsNeededBy(config: K8sAttributesConfig): Promise<readonly AccessRule[]> {
  if (config.source?.kind !== "api") return [];
  return accessRules(watchPlan(config.source.selection, wantedBy(config)));
}
