import type { Configuration } from "#collector";
import { type AccessRule, accessRules, type SourceSettings, watchPlan } from "#identity";
import type { ApiClientSettings } from "#kubernetes";
import {
  k8sAttributesProcessor,
  profilingReceiver,
  type K8sAttributesConfig,
  type K8sIdentityConfig,
  type ProfilingConfig,
} from "../components.ts";

/** A component of a configuration that asks an API server about pods. */
export interface ClusterUser {
  /** As errors call it, e.g. `processors::k8s_attributes`. */
  readonly component: string;
  readonly source: SourceSettings & { readonly kind: "api" };
  /** The rights that it needs, no more and no less. */
  readonly rules: readonly AccessRule[];
}

/** The extension that says where all of a process learn of pods, where one is switched on. */
export function identityOf({ extensions, service }: Configuration): K8sIdentityConfig | undefined {
  const id = service.extensions.find((each) => extensions.get(each)?.factory.type === "k8s_identity");
  return id === undefined ? undefined : (extensions.get(id)!.config as K8sIdentityConfig);
}

/** What a gateway asks the API server about its agents' tokens. */
const TOKEN_REVIEWS: AccessRule = {
  apiGroup: "authentication.k8s.io",
  resource: "tokenreviews",
  verbs: ["create"],
  namespace: undefined,
  resourceNames: undefined,
};

/** What a kubelet asks the API server whether its visitor may: with a service account's token. */
export function kubeletRules(configuration: Configuration): AccessRule[] {
  const identity = identityOf(configuration);
  if (identity?.sources.includes("kubelet") !== true) return [];
  if (identity.kubelet?.settings.authType !== "serviceAccount") return [];
  return [{ apiGroup: "", resource: "nodes/pods", verbs: ["get"], namespace: undefined, resourceNames: undefined }];
}

/**
 * Who asks API servers in a configuration: processors and receivers that stand in a pipeline, and an extension that serves
 * agents the pods of their nodes.
 */
export async function clusterUsers(configuration: Configuration): Promise<ClusterUser[]> {
  // What has other sources asks no API server.
  if (identityOf(configuration)?.sources.includes("api") === false) return [];
  const { processors, receivers, service } = configuration;
  const { k8sAttributesProcessorFactory, rightsNeededBy } = await k8sAttributesProcessor();
  const { profilingReceiverFactory } = await profilingReceiver();
  const used = new Set(service.pipelines.flatMap((pipeline) => [...pipeline.processors, ...pipeline.receivers]));
  const users: ClusterUser[] = [];
  for (const [id, { factory, config }] of processors) {
    if (factory !== k8sAttributesProcessorFactory || !used.has(id)) continue;
    const own = config as K8sAttributesConfig;
    if (own.source?.kind !== "api") continue;
    users.push({ component: `processors::${id}`, source: own.source, rules: await rightsNeededBy(own) });
  }
  for (const [id, { factory, config }] of receivers) {
    if (factory !== profilingReceiverFactory || !used.has(id)) continue;
    const source = (config as ProfilingConfig).selection?.source;
    if (source?.kind !== "api") continue;
    const rules = await accessRules(watchPlan(source.selection, { objects: new Map() }));
    users.push({ component: `receivers::${id}`, source, rules });
  }
  const serve = identityOf(configuration)?.serve;
  if (serve?.needs.source.kind === "api") {
    const { source, objects = new Map() } = serve.needs;
    const watched = await accessRules(watchPlan(source.selection, { objects }));
    const rules = serve.access.kind === "pod tokens" ? [...watched, TOKEN_REVIEWS] : watched;
    users.push({ component: "extensions::k8s_identity::serve", source, rules });
  }
  return users;
}

/** How an API server is reached, and all that is asked of it that way. */
export interface ClusterAccess {
  readonly client: ApiClientSettings;
  readonly users: readonly ClusterUser[];
  readonly rules: readonly AccessRule[];
}

/** The users by the way they take: pace aside, equal settings are one. */
export function accessesOf(users: readonly ClusterUser[]): ClusterAccess[] {
  const groups = Map.groupBy(users, ({ source: { client } }) =>
    JSON.stringify([client.authType, client.context, client.kubeConfigPath]),
  );
  return [...groups.values()].map((group) => ({
    client: group[0]!.source.client,
    users: group,
    rules: unitedRules(group.flatMap(({ rules }) => rules)),
  }));
}

/** Rules that allow together what these do, with none that another one makes needless. */
export function unitedRules(rules: readonly AccessRule[]): AccessRule[] {
  const united = new Map<string, AccessRule>();
  for (const rule of rules) {
    const key = JSON.stringify([rule.namespace, rule.apiGroup, rule.resource]);
    const before = united.get(key);
    const names = before === undefined ? rule.resourceNames : bothNames(before.resourceNames, rule.resourceNames);
    const verbs = new Set([...(before?.verbs ?? []), ...rule.verbs]);
    united.set(key, { ...rule, resourceNames: names, verbs: [...verbs] });
  }
  const all = [...united.values()];
  return all.filter((rule) => rule.namespace === undefined || !all.some((other) => isCoveredBy(rule, other)));
}

/** Without names is all of them. */
function bothNames(one: readonly string[] | undefined, other: readonly string[] | undefined): string[] | undefined {
  return one === undefined || other === undefined ? undefined : [...new Set([...one, ...other])];
}

/** What is allowed in the whole cluster needn't be allowed in a namespace. */
function isCoveredBy(rule: AccessRule, other: AccessRule): boolean {
  return (
    other.namespace === undefined &&
    other.resourceNames === undefined &&
    other.apiGroup === rule.apiGroup &&
    other.resource === rule.resource &&
    rule.verbs.every((verb) => other.verbs.includes(verb))
  );
}
