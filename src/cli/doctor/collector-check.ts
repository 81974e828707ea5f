import type { Configuration } from "#collector";
import { bareContainerId, INTENDED_MISSES, MISS_REASONS, type MissReason } from "#identity";
import { hintOfHost, processesOf } from "../explain/container-on-host.ts";
import { counted } from "../inspect/text-table.ts";
import type { Check } from "./check.ts";
import { type Sample, readSamples } from "./metrics-text.ts";

const TIMEOUT_MS = 2_000;
/** Keys of a running collector that are shown. */
const MAX_TOLD = 10;

/** What `/debug/identity` shows. */
interface IdentityPage {
  readonly unresolved: readonly ShownKey[];
  readonly attributes: readonly ShownAttribute[];
}

interface ShownAttribute {
  readonly name: string;
  readonly values: number;
  readonly leftOut: number;
}

/** A key as `/debug/identity` shows it. */
interface ShownKey {
  readonly processor: string;
  readonly signal: string;
  readonly key: Readonly<Record<string, string>>;
  readonly reason: string;
  readonly detail?: string;
  readonly count: number;
  readonly lastSeen: string;
  readonly isKnownNow: boolean;
}

/** What to do about resources that were not named, by the reason that the processor counts. */
const REMEDIES: Readonly<Record<MissReason, string>> = {
  no_identifier: "they have none of the attributes that pod_association asks for: add a rule for one that they have",
  host_process: "profiles of processes that run in no container: nothing to do",
  sandbox: "profiles of the process that keeps a pod's namespaces open: nothing to do",
  ignored: "those pods are excluded, or ask for it by annotation: nothing to do",
  filtered: "their pods are left out by filter: widen it, or send them through a collector that follows those pods",
  other_node:
    "they come from other nodes than the one that filter names: send them to the collector of their node, or to one without filter.node",
  not_synced: "no list of pods was complete yet: see api and rights above",
  never_seen: "what they name is no pod that filter selects, or one that is not there yet: podflame explain --resource",
  timeout:
    "they waited for a pod that didn't come: no pod that filter selects, or the API server is late: podflame explain --resource",
  gone: "they came after the pod was forgotten: look for slow queues before this collector, or raise pod_delete_grace_period",
  mismatch: "the values of a rule belong to different pods: see which in the sample below, and ask for fewer of them",
  ambiguous: "several pods have an equal right to an address or a name: associate by container.id or k8s.pod.uid",
};

/** Asks the collector that runs with this configuration, if there is one, what it couldn't name. */
export async function collectorChecks({ service }: Configuration): Promise<Check[]> {
  const [endpoint] = service.telemetry.metrics.endpoints;
  if (endpoint === undefined) return [];
  // Listening on all addresses includes this one.
  const host = ["", "0.0.0.0", "::"].includes(endpoint.host) ? "127.0.0.1" : endpoint.host;
  const what = `${host.includes(":") ? `[${host}]` : host}:${endpoint.port}`;
  let text: string;
  try {
    const response = await fetch(`http://${what}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await response.text();
  } catch {
    return [{ topic: "collector", what, state: "ok", detail: "no collector runs there that could be asked" }];
  }
  const samples = readSamples(text);
  if (!samples.some(({ name }) => name.startsWith("podflame_"))) {
    return [{ topic: "collector", what, state: "note", detail: "what answers there is not podflame" }];
  }
  const { unresolved, attributes } = await identityPageOf(what);
  return [
    namedCheck(samples, what),
    ...missChecks(samples),
    ...unresolvedChecks(unresolved),
    ...floodChecks(attributes),
  ];
}

/** What the collector tells at `/debug/identity`; nothing where it tells it to nobody, or is of another release. */
async function identityPageOf(address: string): Promise<IdentityPage> {
  try {
    const response = await fetch(`http://${address}/debug/identity`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const page = (await response.json()) as Partial<Record<keyof IdentityPage, unknown>>;
    const listed = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
    return {
      unresolved: listed(page.unresolved).filter(isShownKey),
      attributes: listed(page.attributes).filter(isShownAttribute),
    };
  } catch {
    return { unresolved: [], attributes: [] };
  }
}

/** Attributes with so many values that some were left out. */
function floodChecks(attributes: readonly ShownAttribute[]): Check[] {
  return attributes
    .filter(({ leftOut }) => leftOut > 0)
    .slice(0, MAX_TOLD)
    .map(({ name, values, leftOut }) => ({
      topic: "collector",
      what: `attribute ${name}`,
      state: "note",
      detail: `had ${values} values within the hour, and ${leftOut} times one more was left out`,
      remedy: "leave its key out with exclude_key_regex; or write the key out, or raise extract.key_regex_max_values",
    }));
}

/** The latest keys that lead nowhere and should, each with what this machine knows of it. */
function unresolvedChecks(unresolved: readonly ShownKey[]): Check[] {
  return unresolved
    .filter(({ reason, isKnownNow }) => !isIntended(reason) && !isKnownNow)
    .slice(0, MAX_TOLD)
    .map(({ processor, signal, key, reason, detail, count, lastSeen }) => {
      const by = Object.entries(key).map(([name, value]) => `${name}=${value}`);
      const id = bareContainerId(key["container.id"] ?? "") ?? key["k8s.pod.uid"];
      const hint = id === undefined ? undefined : hintOfHost(processesOf(id));
      const parts = [
        `${reason}${detail === undefined ? "" : ` (${detail})`}`,
        `${counted(count, "resource")} of ${signal} for ${processor}, the last ${lastSeen}`,
        ...(hint === undefined ? [] : [hint]),
      ];
      return { topic: "collector", what: by.join(", ") || "no key", state: "note", detail: parts.join("; ") };
    });
}

function namedCheck(samples: readonly Sample[], what: string): Check {
  const named = sumOf(samples, "otelcol_k8s_pod_association", ({ status }) => status === "success");
  const missed = sumOf(samples, "podflame_identity_misses", ({ reason }) => !isIntended(reason));
  const check = { topic: "collector", what } as const;
  if (named + missed === 0) return { ...check, state: "ok", detail: "runs; no resource came yet that could be named" };
  const share = `named ${named} of ${named + missed} resources`;
  if (named > 0) return { ...check, state: "ok", detail: `runs; ${share}` };
  const remedy = "see the reasons below";
  return { ...check, state: "problem", detail: `runs, but ${share}`, remedy };
}

/** The reasons, most frequent first. */
function missChecks(samples: readonly Sample[]): Check[] {
  const misses = Map.groupBy(
    samples.filter(({ name }) => isCounter(name, "podflame_identity_misses")),
    ({ labels }) => labels["reason"] ?? "",
  );
  return [...misses]
    .map(([reason, all]) => ({ reason, count: all.reduce((sum, { value }) => sum + value, 0) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .map(({ reason, count }) => {
      const remedy = isReason(reason) ? REMEDIES[reason] : undefined;
      const detail = `${counted(count, "resource")} not named`;
      return { topic: "collector", what: `reason ${reason}`, state: "note", detail, ...(remedy && { remedy }) };
    });
}

function sumOf(
  samples: readonly Sample[],
  metric: string,
  matches: (labels: Sample["labels"]) => boolean = () => true,
): number {
  return samples
    .filter(({ name, labels }) => isCounter(name, metric) && matches(labels))
    .reduce((sum, { value }) => sum + value, 0);
}

/** Prometheus' text format may add a suffix to counters. */
function isCounter(name: string, metric: string): boolean {
  return name === metric || name === `${metric}_total`;
}

/** One of a collector of another release may be another. */
function isReason(word: string | undefined): word is MissReason {
  return (MISS_REASONS as readonly (string | undefined)[]).includes(word);
}

function isIntended(word: string | undefined): boolean {
  return isReason(word) && INTENDED_MISSES.includes(word);
}

function isShownKey(value: unknown): value is ShownKey {
  const { key, reason, count } = (value ?? {}) as Partial<Record<keyof ShownKey, unknown>>;
  return typeof key === "object" && key !== null && typeof reason === "string" && typeof count === "number";
}

function isShownAttribute(value: unknown): value is ShownAttribute {
  const { name, values, leftOut } = (value ?? {}) as Partial<Record<keyof ShownAttribute, unknown>>;
  return typeof name === "string" && typeof values === "number" && typeof leftOut === "number";
}
