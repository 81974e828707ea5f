import {
  boolean,
  checked,
  type Field,
  FieldProblem,
  list,
  mapped,
  notEmpty,
  optional,
  section,
  string,
} from "#collector";
import type { SourceSettings } from "#identity";
import type { KeyRule, SelectionRules } from "#profiler";
import { apiAccessEntries, nodeEntries, nodeSelector, podSource } from "../kubernetes-access.ts";

/** The section `selection`: who is sampled. */
export interface SelectionConfig {
  readonly rules: SelectionRules;
  /** Where pods are learned from; undefined where no rule speaks of them. */
  readonly source: SourceSettings | undefined;
}

/** From so many digits on a word is the beginning of a container's id and not its name. */
const ID_DIGITS = /^[0-9a-f]{12,64}$/;

const words = (what: string): Field<string[]> => optional(list(notEmpty(what)), []);

const keyRule = section({
  key: notEmpty("the key"),
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
  ...apiAccessEntries(),
  identity_file: optional(string(), ""),
  filter: optional(section(nodeEntries())),
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
    const node = keys.filter && nodeSelector(keys.filter);
    const selection = node === undefined ? {} : { fieldSelector: node };
    return { rules, source: speaksOfPods(rules) ? podSource(keys, selection) : undefined };
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
