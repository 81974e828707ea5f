import type { AccessRule } from "#identity";

/** Whom rights are given to. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** A Kubernetes object as plain data. */
export type Manifest = Readonly<Record<string, unknown>>;

const API_GROUP = "rbac.authorization.k8s.io";

/**
 * The roles that hold exactly these rules and the bindings that give them to an account: one ClusterRole for what
 * belongs to the whole cluster, one Role for each namespace.
 */
export function roleManifests(rules: readonly AccessRule[], account: ServiceAccount): Manifest[] {
  const name = roleName(account);
  return [...Map.groupBy(rules, ({ namespace }) => namespace)].flatMap(([namespace, ofScope]) => {
    const kind = namespace === undefined ? "ClusterRole" : "Role";
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
    return [
      { apiVersion: `${API_GROUP}/v1`, kind, metadata, rules: ofScope.map(policyRule) },
      {
        apiVersion: `${API_GROUP}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: API_GROUP, kind, name },
        subjects: [{ kind: "ServiceAccount", namespace: account.namespace, name: account.name }],
      },
    ];
  });
}

/** Accounts have roles of their own, so that what one needs is never taken for the other's. Names of roles may hold colons. */
function roleName({ namespace, name }: ServiceAccount): string {
  return `podflame:${namespace}:${name}`;
}

function policyRule({ apiGroup, resource, verbs, resourceNames }: AccessRule): Manifest {
  return {
    apiGroups: [apiGroup],
    resources: [resource],
    ...(resourceNames === undefined ? {} : { resourceNames }),
    verbs,
  };
}

/** Manifests as a stream of YAML documents. For plain data whose lists hold strings or maps; no empty maps. */
export function yamlStream(manifests: readonly Manifest[]): string {
  return manifests.map((manifest) => `${yamlLines(manifest).join("\n")}\n`).join("---\n");
}

function yamlLines(map: Manifest): string[] {
  return Object.entries(map).flatMap(([key, value]) => {
    if (typeof value === "string") return [`${key}: ${yamlScalar(value)}`];
    if (!Array.isArray(value)) return [`${key}:`, ...yamlLines(value as Manifest).map((line) => `  ${line}`)];
    if (value.every((item) => typeof item === "string")) return [`${key}: [${value.map(yamlScalar).join(", ")}]`];
    return [`${key}:`, ...(value as Manifest[]).flatMap(listItem)];
  });
}

function listItem(map: Manifest): string[] {
  return yamlLines(map).map((line, at) => (at === 0 ? `  - ${line}` : `    ${line}`));
}

/** What YAML could take for something else than a string is quoted as JSON does it, which YAML reads alike. */
function yamlScalar(text: string): string {
  return /^[a-z][a-z0-9./-]*$/i.test(text) && !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(text)
    ? text
    : JSON.stringify(text);
}
