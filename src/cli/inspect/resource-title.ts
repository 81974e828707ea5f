import type { AttributeMap, AttributeValue, InstrumentationScope } from "#otlp";

/** Attributes that name a resource, in the order in which people think of them (semantic conventions). */
const NAMES: readonly (readonly [key: string, label: string])[] = [
  ["service.name", "service"],
  ["k8s.pod.name", "pod"],
  ["k8s.container.name", "container"],
  ["k8s.node.name", "node"],
  ["host.name", "host"],
  ["process.executable.name", "process"],
  ["process.pid", "pid"],
  ["container.id", "container.id"],
];

/** A line that tells a resource from others: names first, else the first attributes that it has. */
export function resourceTitle(attributes: AttributeMap): string {
  const parts: string[] = [];
  for (const [key, label] of NAMES) {
    const text = textOf(attributes.get(key));
    if (text !== "") parts.push(`${label} ${key === "k8s.pod.name" ? podName(attributes, text) : text}`);
  }
  if (parts.length === 0) {
    for (const [key, value] of [...attributes].slice(0, 4)) parts.push(`${key}=${textOf(value)}`);
  }
  if (parts.length === 0) return "resource without attributes";
  return parts.length < attributes.size ? `${parts.join(", ")} (${attributes.size} attributes)` : parts.join(", ");
}

/** Name and version of a scope. */
export function scopeTitle({ name, version }: InstrumentationScope): string {
  return `${name || "(scope without name)"}${version === "" ? "" : ` ${version}`}`;
}

function podName(attributes: AttributeMap, pod: string): string {
  const namespace = textOf(attributes.get("k8s.namespace.name"));
  return namespace === "" ? pod : `${namespace}/${pod}`;
}

function textOf(value: AttributeValue): string {
  if (typeof value === "string") return value.length > 80 ? `${value.slice(0, 80)}…` : value;
  return typeof value === "bigint" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}
