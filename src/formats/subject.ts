import type { AttributeValue } from "#otlp";
import { valueText } from "./attributes.ts";

/** What tells people which program a resource is: the first of each row that is set. */
const PARTS: readonly (readonly string[])[] = [
  ["service.name"],
  ["k8s.namespace.name", "service.namespace"],
  ["k8s.pod.name", "host.name", "k8s.node.name"],
  ["k8s.container.name", "container.name", "container.id"],
  ["process.executable.name", "process.executable.path"],
];

/** Names a resource, e.g. `checkout · shop · checkout-7d4b · app`; empty where it says nothing of use. */
export function subjectOf(attributes: ReadonlyMap<string, AttributeValue>): string {
  const found: string[] = [];
  for (const keys of PARTS) {
    const key = keys.find((one) => valueText(attributes.get(one)) !== "");
    if (key === undefined) continue;
    const text = valueText(attributes.get(key));
    const short = key === "container.id" ? text.slice(0, 12) : text;
    if (!found.includes(short)) found.push(short);
  }
  const pid = valueText(attributes.get("process.pid"));
  if (pid !== "") found.push(`pid ${pid}`);
  return found.join(" · ");
}
