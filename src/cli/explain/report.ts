import type { MissReason } from "#identity";
import type { AttributeValue } from "#otlp";
import type { Explanation, PodExplanation } from "../components.ts";
import { printable, tableLines } from "../inspect/text-table.ts";

const OUTCOMES: Readonly<Record<Explanation["rules"][number]["outcome"], string>> = {
  incomplete: "doesn't apply: a value is missing",
  left_out: "left out: the sender of profiles is an agent",
  unknown: "no such pod",
  ambiguous: "several pods have an equal right to it",
  found: "found the pod",
  not_tried: "not tried",
};

const REASONS: Readonly<Record<MissReason, string>> = {
  no_identifier: "no rule applies to it",
  host_process: "a process in no container",
  sandbox: "a pod's sandbox, which no status names",
  ignored: "the pod is excluded, by exclude.pods or by an annotation of its own",
  filtered: "it says that it is in a namespace that isn't followed, or a filter left its pod out",
  other_node: "it says that it is on another node than the one whose pods are followed",
  not_synced: "the list of pods isn't complete",
  never_seen: "no pod that is followed is meant; of pods that are gone only a running collector knows",
  timeout: "no pod that is followed is meant, and it was waited for in vain",
  gone: "the pod was known, and is forgotten",
  mismatch: "a pod has the first value of a rule, but not the others",
  ambiguous: "several pods have an equal right",
};

/**
 * What a processor does to a resource, for people.
 *
 * @param hints why it may be that no pod is known
 */
export function explanationLines(explanation: Explanation, hints: readonly string[] = []): string[] {
  const { rules, missed } = explanation;
  return [
    ...tableLines(rules.map(({ rule, outcome }, at) => [`rule ${at + 1}`, rule, OUTCOMES[outcome]])),
    ...subjectLines(explanation),
    ...(missed === undefined ? [] : [`not named: ${REASONS[missed]} (${missed})`]),
    ...hints.map((hint) => `  ${printable(hint)}`),
    "",
    ...attributeLines(explanation),
  ];
}

/** What would leave the node for a pod, for people. */
export function podLines({ containers, leftOut }: PodExplanation): string[] {
  const lines = containers.flatMap((explanation) => [
    ...subjectLines(explanation),
    ...(explanation.missed === undefined ? [] : [`not named: ${REASONS[explanation.missed]}`]),
    ...attributeLines(explanation, "  "),
    "",
  ]);
  if (leftOut.length === 0) return [...lines, "Nothing that a rule matches is left out."];
  const table = tableLines(
    leftOut.map(({ object, field, key, reason }) => [object, `${field} ${key}`, reason]),
    "  ",
  );
  return [...lines, "left out", ...table];
}

function subjectLines({ pod, container }: Explanation): string[] {
  if (pod === undefined) return [];
  const node = pod.node === "" ? "" : ` on ${pod.node}`;
  const lines = [`pod ${pod.namespace}/${pod.name}${node}, uid ${pod.uid}`];
  if (container === undefined) return [...lines, "no container of it is told apart"];
  const { name, kind, id, restartCount } = container;
  const run = id === "" ? "waits for its first start" : `${id}, restart count ${restartCount}`;
  return [...lines, `${kind} container ${name}, ${run}`];
}

function attributeLines({ attributes }: Explanation, indent = ""): string[] {
  return tableLines(
    attributes.map(({ name, value, origin }) => [name, shownValue(value), origin]),
    indent,
  );
}

function shownValue(value: AttributeValue): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `[${value.map(shownValue).join(", ")}]`;
  return typeof value === "object" ? "key-value list" : String(value);
}
