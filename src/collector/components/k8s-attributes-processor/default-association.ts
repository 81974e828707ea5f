import type { Signal } from "#otlp";
import type { RuleConfig } from "./association.ts";

function attribute(name: string): RuleConfig {
  return { sources: [{ from: "resource_attribute", name }] };
}

/** The Collector's order where `pod_association` says nothing. */
const BY_ADDRESS: readonly RuleConfig[] = [
  attribute("k8s.pod.ip"),
  attribute("ip"),
  { sources: [{ from: "connection" }] },
  attribute("host.name"),
];

/** Profiles come from an agent of the node, so their sender's address names nobody but the agent. */
const OF_PROFILES: readonly RuleConfig[] = [
  attribute("container.id"),
  attribute("k8s.pod.uid"),
  attribute("k8s.pod.ip"),
];

/** Rules for a processor whose configuration has none. */
export function defaultAssociation(signal: Signal): readonly RuleConfig[] {
  return signal === "profiles" ? OF_PROFILES : BY_ADDRESS;
}
