import {
  boolean,
  checked,
  type Field,
  FieldProblem,
  integer,
  list,
  mapped,
  number,
  oneOf,
  optional,
  section,
  string,
} from "#collector";
import type { SourceSettings } from "#identity";
import type { KeyRule, SelectionRules } from "#profiler";

/** The section `selection`: who is sampled. */
export interface SelectionConfig {
  readonly rules: SelectionRules;
  /** Where pods are learned from; undefined where no rule speaks of them. */
  readonly source: SourceSettings | undefined;
}

/** From so many digits on a word is the beginning of a container's id and not its name. */
const ID_DIGITS = /^[0-9a-f]{12,64}$/;

const words = (what: string): Field<string[]> =>
  optional(
    list(
      string((text) => {
        if (text === "") throw new FieldProblem(`is empty: give ${what}`);
      }),
    ),
    [],
  );

const keyRule = section({
  key: string((text) => {
    if (text === "") throw new FieldProblem("is empty: give the key");
  }),
  values: words("a value, or leave the list out for any"),
});

const podName = string((text) => {
  if (!/^[^/]+\/[^/]+$/.test(text)) throw new FieldProblem(`expected namespace/name, got ${JSON.stringify(text)}`);
});

const cgroupPath = string((text) => {
  if (!text.startsWith("/"))
    throw new FieldProblem(`expected a path as in /proc/PID/cgroup, got ${JSON.stringify(text)}`);
});

const names = section({ include: words("a namespace"), exclude: words("a namespace") });
const containers = section({ include: words("an id or a name"), exclude: words("an id or a name") });
const pods = section({
  names: optional(list(podName), []),
  labels: optional(list(keyRule), []),
  annotations: optional(list(keyRule), []),
});

const schema = section({
  namespaces: optional(names),
  pods: optional(pods),
  containers: optional(containers),
  cgroup_paths: optional(list(cgroupPath), []),
  opt_out: optional(boolean()),
  // The access to pods: keys and defaults of k8s_attributes, so that equal ones share a watch.
  auth_type: optional(oneOf(["serviceAccount", "kubeConfig", "none"]), "serviceAccount"),
  context: optional(string(), ""),
  kube_config_path: optional(string(), ""),
  kube_api_qps: optional(number({ min: 0.1 }), 5),
  kube_api_burst: optional(integer({ min: 1 }), 10),
  identity_file: optional(string(), ""),
  filter: optional(section({ node: optional(string(), ""), node_from_env_var: optional(string(nodeVariable), "") })),
});

/** Reads the section. */
export const selectionField: Field<SelectionConfig> = mapped(
  checked(schema, (keys) =>
    Object.keys(rulesOf(keys)).length > 0
      ? []
      : [{ path: [], message: "has no rule: give namespaces, pods, containers, cgroup_paths or opt_out" }],
  ),
  (keys) => {
    const rules = rulesOf(keys);
    return { rules, source: speaksOfPods(rules) ? sourceOf(keys) : undefined };
  },
);

interface Keys {
  readonly namespaces: IncludeExclude | undefined;
  readonly pods:
    { readonly names: string[]; readonly labels: RuleKeys[]; readonly annotations: RuleKeys[] } | undefined;
  readonly containers: IncludeExclude | undefined;
  readonly cgroup_paths: string[];
  readonly opt_out: boolean | undefined;
}

interface IncludeExclude {
  readonly include: string[];
  readonly exclude: string[];
}

interface RuleKeys {
  readonly key: string;
  readonly values: string[];
}

/** The rules that were given, and no empty ones. */
function rulesOf({
  namespaces,
  pods: of,
  containers: among,
  cgroup_paths: cgroupPaths,
  opt_out: optOut,
}: Keys): SelectionRules {
  return {
    ...(namespaces && { namespaces }),
    ...(of && {
      pods: { names: of.names, labels: of.labels.map(keyRuleOf), annotations: of.annotations.map(keyRuleOf) },
    }),
    ...(among && { containers: among }),
    ...(cgroupPaths.length > 0 && { cgroupPaths }),
    ...(optOut !== undefined && { optOut }),
  };
}

function keyRuleOf({ key, values }: RuleKeys): KeyRule {
  return values.length === 0 ? { key } : { key, values };
}

function speaksOfPods({ namespaces, pods: of, containers: among, optOut }: SelectionRules): boolean {
  const namesContainers = [...(among?.include ?? []), ...(among?.exclude ?? [])].some((word) => !ID_DIGITS.test(word));
  return namespaces !== undefined || of !== undefined || namesContainers || optOut === true;
}

interface AccessKeys {
  readonly auth_type: "serviceAccount" | "kubeConfig" | "none";
  readonly context: string;
  readonly kube_config_path: string;
  readonly kube_api_qps: number;
  readonly kube_api_burst: number;
  readonly identity_file: string;
  readonly filter: { readonly node: string; readonly node_from_env_var: string } | undefined;
}

function sourceOf(keys: AccessKeys): SourceSettings {
  if (keys.identity_file !== "") return { kind: "file", path: keys.identity_file };
  const variable = keys.filter?.node_from_env_var ?? "";
  const node = variable === "" ? (keys.filter?.node ?? "") : (process.env[variable] ?? "");
  return {
    kind: "api",
    client: {
      authType: keys.auth_type,
      ...(keys.context === "" ? {} : { context: keys.context }),
      ...(keys.kube_config_path === "" ? {} : { kubeConfigPath: keys.kube_config_path }),
      qps: keys.kube_api_qps,
      burst: keys.kube_api_burst,
    },
    selection: node === "" ? {} : { fieldSelector: `spec.nodeName=${node}` },
  };
}

/** An empty variable would watch the whole cluster without a word. */
function nodeVariable(name: string): void {
  if (name === "" || process.env[name]) return;
  throw new FieldProblem(
    `the environment variable ${name} ${process.env[name] === undefined ? "is not set" : "is empty"}; set it to the ` +
      "node's name (fieldRef spec.nodeName in the pod's env)",
  );
}
