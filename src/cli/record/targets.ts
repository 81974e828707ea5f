import { readdirSync } from "node:fs";
import { json } from "node:stream/consumers";
import { type CgroupPlace, readPlaceOfProcess } from "#linux";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import { clusterAccess } from "../cluster-access.ts";
import { ExitCode, Fault } from "../exit.ts";

/** A container that runs here, as its processes' cgroups tell. */
export interface RunningContainer {
  readonly id: string;
  /** Of the pod that it belongs to; undefined outside of Kubernetes. */
  readonly podUid: string | undefined;
}

/** All containers that have a process at the moment. */
export function runningContainers(): RunningContainer[] {
  const found = new Map<string, RunningContainer>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    for (const { containerId, podUid } of placesOf(Number(name))) found.set(containerId, { id: containerId, podUid });
  }
  return [...found.values()];
}

/** The container of a process and those around it. */
function placesOf(pid: number): { readonly containerId: string; readonly podUid: string | undefined }[] {
  const place: CgroupPlace | undefined = readPlaceOfProcess(pid);
  const places: { containerId: string; podUid: string | undefined }[] = [];
  if (place?.containerId !== undefined) places.push({ containerId: place.containerId, podUid: place.podUid });
  for (let outer = place?.outer; outer !== undefined; outer = outer.outer) places.push(outer);
  return places;
}

/** A hexadecimal id, or the beginning of one, in any spelling that tools show: `3f2a91`, `containerd://3f2a…`. */
const ID = /^(?:[a-z-]+:\/\/)?([0-9a-f]{4,64})$/;

/**
 * The one running container whose id is, or begins with, what the user typed.
 * @throws Fault where there is none, or several
 */
export function containerNamed(word: string, running: readonly RunningContainer[]): RunningContainer {
  const prefix = ID.exec(word.toLowerCase())?.[1];
  if (prefix === undefined) {
    throw new Fault(ExitCode.USER, `--container ${word}: expected an id, or at least the first 4 digits of one`);
  }
  const matching = running.filter(({ id }) => id.startsWith(prefix));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  const ids = (containers: readonly RunningContainer[]): string =>
    containers.map(({ id }) => id.slice(0, 12)).join(", ");
  if (matching.length > 1) {
    throw new Fault(ExitCode.USER, `--container ${word}: several begin so: ${ids(matching)}; type more of it`);
  }
  const others = running.length === 0 ? "no container runs here" : `here run ${ids(running)}`;
  throw new Fault(ExitCode.USER, `--container ${word}: no running container has that id; ${others}`);
}

const UID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/**
 * The running containers of a pod, given as `namespace/name` (which the API server is asked for) or as its uid.
 * @throws Fault where the pod isn't known, or doesn't run on this node
 */
export async function containersOfPod(word: string, running: readonly RunningContainer[]): Promise<RunningContainer[]> {
  const uid = UID.test(word.toLowerCase()) ? word.toLowerCase() : await uidOf(word);
  const containers = running.filter(({ podUid }) => podUid === uid);
  if (containers.length === 0) {
    throw new Fault(ExitCode.USER, `--pod ${word}: none of its containers runs on this node (pod uid ${uid})`);
  }
  return containers;
}

async function uidOf(word: string): Promise<string> {
  const [namespace, name, ...more] = word.split("/");
  if (!namespace || !name || more.length > 0) {
    throw new Fault(ExitCode.USER, `--pod ${word}: expected NAMESPACE/NAME, or the pod's uid`);
  }
  const authType = clusterAccess();
  if (authType === undefined) {
    throw new Fault(
      ExitCode.MISSING,
      `--pod ${word}: neither a kubeconfig nor a service account is here to ask for it; give the pod's uid instead ` +
        `(kubectl get pod -n ${namespace} ${name} -o jsonpath={.metadata.uid})`,
    );
  }
  const { ApiError, createApiClient } = await import("#kubernetes");
  const telemetry = { logger: silentLogger, metrics: new MetricRegistry(), clock: systemClock };
  const client = await createApiClient({ authType }, telemetry);
  try {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
    const { body } = await client.get({ path, verb: "get", signal: AbortSignal.timeout(10_000) });
    const pod = (await json(body)) as { readonly metadata?: { readonly uid?: string } };
    if (pod.metadata?.uid === undefined) throw new Error("the answer has no metadata.uid");
    return pod.metadata.uid;
  } catch (caught) {
    const message = `--pod ${word}: ${client.server} says: ${(caught as Error).message}`;
    throw new Fault(caught instanceof ApiError ? ExitCode.USER : ExitCode.MISSING, message, { cause: caught });
  } finally {
    client.close();
  }
}
