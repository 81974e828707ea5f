import { type ApiClient, ApiError, collectionPath, PODS, readJson, RESOURCES, type Selection } from "#kubernetes";
import { nodeOf } from "#identity";
import { ANY_NODE } from "../cluster/any-node.ts";
import type { ClusterAccess } from "../cluster/cluster-users.ts";
import type { Check } from "./check.ts";
import { REQUEST_TIMEOUT_MS } from "./request-timeout.ts";

/** Whether the nodes that pods are restricted to exist. */
export async function nodeChecks(client: ApiClient, { users }: ClusterAccess): Promise<Check[]> {
  const selections = new Map<string, Selection>();
  for (const { source } of users) {
    const node = nodeOf(source.selection);
    // Without a name there is nothing to look for; that it is missing was told.
    if (node !== undefined && node !== ANY_NODE) selections.set(node, source.selection);
  }
  return Promise.all([...selections].map(([node, selection]) => nodeCheck(client, node, selection)));
}

async function nodeCheck(client: ApiClient, node: string, selection: Selection): Promise<Check> {
  const check = { topic: "node", what: node } as const;
  const remedy = "set it to the node's name as in kubectl get nodes (in a pod: fieldRef spec.nodeName)";
  const absent: Check = { ...check, state: "problem", detail: "is not a node of this cluster", remedy, isUsers: true };
  try {
    if (await exists(client, `${collectionPath(RESOURCES.Node, undefined)}/${encodeURIComponent(node)}`)) {
      return { ...check, state: "ok", detail: "is a node of this cluster" };
    }
    return absent;
  } catch (caught) {
    if (!(caught instanceof ApiError) || caught.status.code !== 403) return untold(check, caught);
  }
  try {
    // Who may not see nodes sees pods, and every node that works has some.
    const query = { fieldSelector: selection.fieldSelector!, limit: "1" };
    const path = collectionPath(PODS, selection.namespace);
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const { items } = (await readJson(await client.get({ path, query, verb: "list", signal }))) as { items?: unknown };
    if (Array.isArray(items) && items.length > 0) return { ...check, state: "ok", detail: "pods are on it" };
    const detail = "no pod on it that the filter selects; whether there is such a node this user may not see";
    return { ...check, state: "note", detail, remedy };
  } catch (caught) {
    return untold(check, caught);
  }
}

async function exists(client: ApiClient, path: string): Promise<boolean> {
  try {
    const response = await client.get({ path, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    response.body.destroy();
    return true;
  } catch (caught) {
    if (caught instanceof ApiError && caught.status.code === 404) return false;
    throw caught;
  }
}

function untold(check: Pick<Check, "topic" | "what">, caught: unknown): Check {
  const why =
    caught instanceof ApiError && caught.status.code === 403 ? "this user may see neither nodes nor pods" : "";
  const detail = why || (caught instanceof Error ? caught.message : String(caught));
  return { ...check, state: "note", detail: `can't be looked for: ${detail}` };
}
