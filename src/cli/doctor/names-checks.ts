import type { Configuration } from "#collector";
import type { AttributeMap } from "#otlp";
import { type Explainer, type Explanation, type K8sAttributesConfig } from "../components.ts";
import { type HostKind, kindOnHost, type PlacedProcess, placedProcesses } from "../explain/container-on-host.ts";
import { type PlacedProcessor } from "../explain/processors.ts";
import { Unfiltered } from "../explain/unfiltered.ts";
import { counted } from "../inspect/text-table.ts";
import type { Check } from "./check.ts";

/** Containers that are looked up at most, and told of at most. */
const MAX_LOOKED_UP = 2_000;
const MAX_TOLD = 20;
/** Digits of an id that people compare. */
const SHORT_ID = 12;

/** A container that runs here and that nobody names. */
interface Unnamed {
  readonly id: string;
  readonly processes: readonly [PlacedProcess, ...PlacedProcess[]];
  readonly kind: HostKind;
  readonly attributes: AttributeMap;
  readonly missed: NonNullable<Explanation["missed"]>;
}

/**
 * Looks up each container that runs on this machine, as profiles of it would be, and says of those that aren't named
 * why. Nothing where the rules don't go by containers, or none runs here.
 */
export async function namesChecks(
  explainer: Explainer,
  processor: PlacedProcessor,
  configuration: Configuration,
): Promise<Check[]> {
  if (!goesByContainers(processor)) return [];
  const containers = containersHere();
  if (containers.size === 0) return [];
  const unnamed: Unnamed[] = [];
  for (const [id, processes] of containers) {
    const { podUid } = processes[0].place;
    const attributes: AttributeMap = new Map([
      ["container.id", id],
      ...(podUid === undefined ? [] : [["k8s.pod.uid", podUid] as const]),
    ]);
    const { missed } = await explainer.resource(attributes, "", undefined);
    if (missed !== undefined) unnamed.push({ id, processes, kind: kindOnHost(processes), attributes, missed });
  }
  const ofPods = unnamed.filter(({ kind }) => kind === "pod");
  const told = [...ofPods, ...unnamed.filter(({ kind }) => kind !== "pod")].slice(0, MAX_TOLD);
  await using unfiltered = new Unfiltered(processor, configuration);
  const checks: Check[] = [];
  for (const each of told) checks.push(await unnamedCheck(each, unfiltered));
  return [summary(containers.size, unnamed, processor), ...checks];
}

/** Whether rules look for what is known of every container. */
function goesByContainers({
  config,
  signal,
}: {
  readonly config: K8sAttributesConfig;
  readonly signal: string;
}): boolean {
  const { association } = config;
  if (association.length === 0) return signal === "profiles";
  return association.some(({ sources }) =>
    sources.every((each) => each.from !== "connection" && ["container.id", "k8s.pod.uid"].includes(each.name)),
  );
}

function containersHere(): Map<string, [PlacedProcess, ...PlacedProcess[]]> {
  const containers = new Map<string, [PlacedProcess, ...PlacedProcess[]]>();
  for (const process of placedProcesses()) {
    const id = process.place.containerId;
    if (id === undefined) continue;
    const others = containers.get(id);
    if (others !== undefined) others.push(process);
    else if (containers.size < MAX_LOOKED_UP) containers.set(id, [process]);
  }
  return containers;
}

function summary(all: number, unnamed: readonly Unnamed[], { id }: PlacedProcessor): Check {
  const count = (kind: HostKind): number => unnamed.filter((each) => each.kind === kind).length;
  const [ofPods, sandboxes, foreign] = [count("pod"), count("sandbox"), count("foreign")];
  const parts = [
    `${all - unnamed.length} of ${counted(all, "container")} here are named`,
    ...(ofPods > 0 ? [`${ofPods} of pods aren't`] : []),
    ...(sandboxes > 0 ? [`${sandboxes} hold namespaces only`] : []),
    ...(foreign > 0 ? [`${foreign} are no pod's`] : []),
  ];
  return { topic: "names", what: `processors::${id}`, state: ofPods > 0 ? "note" : "ok", detail: parts.join("; ") };
}

async function unnamedCheck(unnamed: Unnamed, unfiltered: Unfiltered): Promise<Check> {
  const { id, processes, kind, attributes, missed } = unnamed;
  const { pid, comm, place } = processes[0];
  const check = { topic: "names", what: id.slice(0, SHORT_ID) } as const;
  const where = `process ${pid} (${comm})`;
  const uid = place.podUid === undefined ? "a static pod" : `the pod with uid ${place.podUid}`;
  if (kind === "foreign") return { ...check, state: "ok", detail: `${where}: a container that isn't Kubernetes'` };
  if (kind === "sandbox") return { ...check, state: "ok", detail: `${where}: the sandbox of ${uid}` };
  if (missed === "ignored")
    return { ...check, state: "ok", detail: `${where}: its pod asks not to be named, or is excluded` };
  const found = await unfiltered.podOf(attributes);
  if (found !== undefined) {
    const { namespace, name, node } = found;
    return {
      ...check,
      state: "note",
      detail: `${where}: of pod ${namespace}/${name} on ${node}, which the filter leaves out`,
      remedy: "widen filter if it should be named; where it names a node, see that it is this one",
    };
  }
  return {
    ...check,
    state: "note",
    detail: `${where}: in ${uid}, of which no source has told (${missed})`,
    remedy: "see whether kubectl get pods -A shows it: another cluster's pod, or one whose deletion isn't over here",
  };
}
