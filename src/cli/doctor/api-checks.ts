import { type ApiClient, ApiError, askAccess, createApiClient, KubernetesConfigError, readJson } from "#kubernetes";
import type { AccessRule } from "#identity";
import { MetricRegistry, silentLogger, systemClock } from "#telemetry";
import type { ClusterAccess } from "../cluster/cluster-users.ts";
import type { Check } from "./check.ts";
import { nodeChecks } from "./node-checks.ts";
import { REQUEST_TIMEOUT_MS } from "./request-timeout.ts";

/** Tokens, certificates and telemetry's times stand this much, and the server tells its clock to the second. */
const MAX_CLOCK_OFFSET_MS = 5_000;

/**
 * Whether an API server can be asked for all that a configuration wants of it. Only asks, as whom the configuration says.
 *
 * @param config how the user named the configuration, for remedies
 */
export async function apiChecks(access: ClusterAccess, config: string): Promise<Check[]> {
  const users = access.users.map(({ component }) => component).join(", ");
  let client: ApiClient;
  try {
    const telemetry = { clock: systemClock, metrics: new MetricRegistry(), logger: silentLogger };
    // Questions of people don't wait for each other.
    client = await createApiClient({ ...access.client, qps: 1_000, burst: 1_000 }, telemetry);
  } catch (caught) {
    if (!(caught instanceof KubernetesConfigError)) throw caught;
    const { where, remedy } = caught;
    const detail = caught.message.slice(where.length + 2, -(remedy.length + 2));
    return [{ topic: "api", what: `credentials of ${users}`, state: "problem", detail: `${where}: ${detail}`, remedy }];
  }
  try {
    const reached = await reachability(client);
    if (reached.some(({ state, what }) => state === "problem" && what !== "clock")) return reached;
    const account = await accountOf(client);
    const rights = await Promise.all(access.rules.map((rule) => rightCheck(client, rule, users, account, config)));
    return [...reached, identityCheck(account, users), ...rights, ...(await nodeChecks(client, access))];
  } finally {
    client.close();
  }
}

async function reachability(client: ApiClient): Promise<Check[]> {
  const what = client.server;
  const beganMs = Date.now();
  try {
    const response = await client.get({ path: "/version", signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    const tookMs = Date.now() - beganMs;
    const { gitVersion } = (await readJson(response)) as { gitVersion?: unknown };
    const version = typeof gitVersion === "string" ? `Kubernetes ${gitVersion}` : "some API server";
    const reached: Check = { topic: "api", what, state: "ok", detail: `${version} answered in ${tookMs} ms` };
    // Half a second: what the server's header cuts off, on average.
    const offsetMs = beganMs + tookMs / 2 - ((response.serverTimeMs ?? beganMs) + 500);
    return [reached, clockCheck(offsetMs)];
  } catch (caught) {
    if (caught instanceof ApiError && caught.status.code === 403) {
      return [{ topic: "api", what, state: "ok", detail: "answers, but not to this user's question for its version" }];
    }
    return [unreachable(what, caught)];
  }
}

function unreachable(what: string, caught: unknown): Check {
  const check = { topic: "api", what, state: "problem" } as const;
  const detail = caught instanceof Error ? caught.message : String(caught);
  if (caught instanceof ApiError && caught.status.code === 401) {
    const remedy = "the token or certificate is expired, or of another cluster: make a new one, or choose the context";
    return { ...check, detail: "doesn't know these credentials (401)", remedy };
  }
  const remedy = "see that the address is right, the server runs, and network policies let this process reach it";
  if (caught instanceof Error && caught.name === "TimeoutError") {
    return { ...check, detail: `no answer within ${REQUEST_TIMEOUT_MS / 1000} s`, remedy };
  }
  return { ...check, detail, remedy };
}

function clockCheck(offsetMs: number): Check {
  const seconds = Math.abs(offsetMs / 1000);
  const check = { topic: "api", what: "clock" } as const;
  if (Math.abs(offsetMs) <= MAX_CLOCK_OFFSET_MS) return { ...check, state: "ok", detail: "agrees with the server's" };
  return {
    ...check,
    state: "problem",
    detail: `${seconds.toFixed(0)} s ${offsetMs > 0 ? "ahead of" : "behind"} the server's`,
    remedy: "synchronize this machine's clock (NTP): tokens may be refused, and addresses credited to the wrong pod",
  };
}

/** The user that the server takes this client for; undefined where it doesn't tell (before Kubernetes 1.28). */
async function accountOf(client: ApiClient): Promise<string | undefined> {
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const answer = await readJson(await client.post({ path, verb: "create", signal }, review));
    const { status } = answer as { status?: { userInfo?: { username?: unknown } } };
    const name = status?.userInfo?.username;
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}

function identityCheck(account: string | undefined, users: string): Check {
  const detail = account === undefined ? "the server doesn't tell as whom" : `as ${account}`;
  return { topic: "api", what: users, state: "ok", detail };
}

async function rightCheck(
  client: ApiClient,
  rule: AccessRule,
  users: string,
  account: string | undefined,
  config: string,
): Promise<Check> {
  const { apiGroup, resource, namespace, resourceNames } = rule;
  const questions = rule.verbs.flatMap((verb) =>
    (resourceNames ?? [undefined]).map((name) => ({ verb, apiGroup, resource, namespace, name })),
  );
  const names = resourceNames === undefined ? "" : ` ${resourceNames.join(", ")}`;
  const place = namespace === undefined ? "in the whole cluster" : `in namespace ${namespace}`;
  const check = {
    topic: "rights",
    what: `${apiGroup === "" ? "" : `${apiGroup}/`}${resource}${names} ${place}`,
  } as const;
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const answers = await Promise.all(questions.map((question) => askAccess(client, question, signal)));
    const denied = new Set(questions.filter((_, at) => !answers[at]!.allowed).map(({ verb }) => verb));
    if (denied.size === 0) return { ...check, state: "ok", detail: rule.verbs.join(", ") };
    const who = account === undefined ? "this user" : `"${account}"`;
    return {
      ...check,
      state: "problem",
      detail: `${who} may not ${[...denied].join(", ")}, which ${users} needs`,
      remedy: rightRemedy(rule, account, config),
    };
  } catch (caught) {
    const detail = `can't be asked for: ${caught instanceof Error ? caught.message : String(caught)}`;
    return { ...check, state: "note", detail };
  }
}

function rightRemedy(rule: AccessRule, account: string | undefined, config: string): string {
  const { apiGroup, resource, namespace, resourceNames, verbs } = rule;
  const names = resourceNames === undefined ? "" : `, resourceNames: ${JSON.stringify(resourceNames)}`;
  const text = `{apiGroups: ["${apiGroup}"], resources: ["${resource}"]${names}, verbs: ${JSON.stringify(verbs)}}`;
  const role = namespace === undefined ? "its ClusterRole" : `its Role in ${namespace}`;
  const [, of, name] = /^system:serviceaccount:([^:]+):(.+)$/.exec(account ?? "") ?? [];
  const whose = of === undefined ? "" : ` --service-account ${of}/${name}`;
  return `add ${text} to ${role}, or all at once: podflame rbac print --config ${config}${whose} | kubectl apply -f -`;
}
