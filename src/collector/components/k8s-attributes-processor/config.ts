import { DEFAULT_GRACE_MS, type SourceSettings } from "#identity";
import {
  boolean,
  checked,
  type ConfigDefinition,
  type ConfigIssue,
  defineConfig,
  durationMs,
  type Field,
  FieldProblem,
  integer,
  list,
  mapped,
  notEmpty,
  oneOf,
  optional,
  parsed,
  secret,
  section,
  shown,
  string,
} from "#collector";
import { apiAccessEntries, nodeEntries, podSource } from "../kubernetes-access.ts";
import { ADDRESSES, type RuleConfig, sourceLabel, SURROUNDING_UIDS } from "./association.ts";
import type { EnrichmentConfig } from "./enrichment.ts";
import type { ExtractionConfig } from "./extraction.ts";
import { anywhereRegExp, hasGroups, type KeyRuleConfig, wholeKeyRegExp } from "./key-rules.ts";
import { DEFAULT_METADATA, METADATA_ALIASES, METADATA_NAMES, type MetadataName, POD_METADATA } from "./metadata.ts";
import { RULE_OBJECTS } from "./rule-objects.ts";
import { type FilterConfig, labelProblems, selectionOf } from "./selection.ts";
import { keyPrefixes, type KeyedField, SEMCONV_MODES } from "./semconv.ts";
import { ValueHash } from "./value-hash.ts";

/** The processor's configuration, checked and with defaults. */
export interface K8sAttributesConfig {
  /** Where pods are learned from; none with `passthrough`. */
  readonly source: SourceSettings | undefined;
  readonly enrichment: EnrichmentConfig;
  /** Empty where the configuration gives none: the signal's default order applies. */
  readonly association: readonly RuleConfig[];
  readonly onMiss: "next" | "stop";
  readonly waitForMetadataMs: number | undefined;
  readonly graceMs: number;
  /** How resources wait whose pod isn't known yet; undefined where none does. */
  readonly pending: { readonly maxWaitMs: number; readonly maxBytes: number } | undefined;
  /** Whether the configuration says itself which names it wants; else feature gates may. */
  readonly semconvGiven: boolean;
  /** What is accepted but has no effect, or can't work; logged at start. */
  readonly warnings: readonly string[];
}

/** Names of pods that upstream leaves alone where nothing else is configured. */
const DEFAULT_EXCLUDED: readonly string[] = ["jaeger-agent", "jaeger-collector"];
const MAX_SOURCES = 4;
/**
 * Keys that no pattern takes unless the configuration says otherwise: whole objects, values that change with every
 * rollout, and what looks like a secret.
 */
const DENIED_KEYS: readonly string[] = [
  "kubectl\\.kubernetes\\.io/last-applied-configuration",
  "(?i)(.*[^a-z])?(hash|checksum)([^a-z].*)?",
  "(?i).*(secret|token|password).*",
];
/** Characters of the longest value that a pattern takes; labels have 63 at most, annotations up to 256 KiB. */
const MAX_PATTERN_VALUE = 4_096;
/** Attributes that one pattern makes of one object at most. */
const MAX_PATTERN_ATTRIBUTES = 64;
/** Values that one attribute gets from a pattern within an hour: more than a cluster has workloads, fewer than it has pods. */
const MAX_PATTERN_VALUES = 10_000;

/** How long and with how much memory resources wait for their pods where the configuration says nothing. */
const PENDING = { max_wait: 3_000, max_mib: 64 };

const regExp = (compile: (pattern: string) => unknown): Field<string> =>
  string((pattern) => {
    try {
      compile(pattern);
    } catch (error) {
      throw new FieldProblem(`is no regular expression: ${(error as Error).message}`);
    }
  });

const metadataName: Field<MetadataName> = parsed((text) => {
  const name = METADATA_NAMES.find((known) => known === (METADATA_ALIASES[text] ?? text));
  if (name !== undefined) return name;
  throw new FieldProblem(`${shown(text)} can't be extracted; known are ${METADATA_NAMES.join(", ")}`);
});

const keyRuleField: Field<KeyRuleConfig> = mapped(
  checked(
    section(
      {
        key: optional(string(), ""),
        key_regex: optional(regExp(wholeKeyRegExp), ""),
        tag_name: optional(string(), ""),
        from: optional(oneOf(RULE_OBJECTS), "pod"),
        exclude_key_regex: optional(regExp(wholeKeyRegExp), ""),
        hash: optional(boolean(), false),
      },
      {
        regex:
          'unknown key "regex": the Collector removed it in release 0.122; cut values with the transform processor',
      },
    ),
    ({ key, key_regex: keyRegex, exclude_key_regex: excluded }) => {
      if (excluded !== "" && keyRegex === "")
        return [issue(["exclude_key_regex"], "needs a key_regex to exclude from")];
      if (key !== "" && keyRegex !== "") return [issue([], "gives both key and key_regex; keep one of them")];
      return key === "" && keyRegex === "" ? [issue([], "gives neither key nor key_regex; give one of them")] : [];
    },
  ),
  ({ key, key_regex: keyRegex, tag_name: tagName, from, exclude_key_regex: excludeKeyRegex, hash }) => ({
    from,
    key: key || undefined,
    keyRegex: keyRegex || undefined,
    tagName: tagName || undefined,
    ...(excludeKeyRegex === "" ? {} : { excludeKeyRegex }),
    ...(hash ? { hash } : {}),
  }),
);

const source = checked(
  section({
    from: oneOf(["connection", "resource_attribute"]),
    name: optional(string(), ""),
  }),
  ({ from: where, name }) =>
    where === "resource_attribute" && name === "" ? [issue(["name"], "is missing: give the attribute's name")] : [],
);

const rule: Field<RuleConfig> = mapped(
  checked(section({ sources: list(source) }), ({ sources }) => {
    if (sources.length === 0) return [issue(["sources"], "is empty: a rule without sources matches nothing")];
    return sources.length > MAX_SOURCES
      ? [issue(["sources"], `has ${sources.length} sources; ${MAX_SOURCES} are the most`)]
      : [];
  }),
  ({ sources }) => ({
    // The Collector ignores the name of a connection.
    sources: sources.map(({ from: where, name }) =>
      where === "connection" ? { from: "connection" as const } : { from: "resource_attribute" as const, name },
    ),
  }),
);

const association = checked(list(rule), (rules) => {
  const seen = new Map<string, number>();
  return rules.flatMap(({ sources }, at) => {
    const key = JSON.stringify(sources.map(sourceLabel).sort());
    const first = seen.get(key);
    if (first !== undefined) return [issue([at], `has the same sources as rule ${first + 1}; remove one of them`)];
    seen.set(key, at);
    return [];
  });
});

const selector = <const O extends string>(operators: readonly O[]): Field<{ key: string; value: string; op: O }> =>
  mapped(
    section({
      key: notEmpty("the key to compare"),
      value: optional(string(), ""),
      op: optional(oneOf(operators), operators[0] as O),
    }),
    (entry) => entry,
  );

const filter: Field<FilterConfig> = section({
  ...nodeEntries(),
  namespace: optional(string(), ""),
  labels: optional(checked(list(selector(["equals", "not-equals", "exists", "does-not-exist"])), labelProblems), []),
  fields: optional(list(selector(["equals", "not-equals"])), []),
});

const extract = checked(
  section({
    metadata: optional(list(metadataName)),
    labels: optional(list(keyRuleField), []),
    annotations: optional(list(keyRuleField), []),
    otel_annotations: optional(boolean(), false),
    deployment_name_from_replicaset: optional(boolean()),
    key_regex_deny: optional(list(regExp(wholeKeyRegExp)), [...DENIED_KEYS]),
    key_regex_max_value_length: optional(integer({ min: 1 }), MAX_PATTERN_VALUE),
    key_regex_max_attributes: optional(integer({ min: 1 }), MAX_PATTERN_ATTRIBUTES),
    key_regex_max_values: optional(integer({ min: 1 }), MAX_PATTERN_VALUES),
    hash_key: optional(secret()),
  }),
  ({ labels, annotations, hash_key: key }) => {
    if (key !== undefined) return [];
    const lacking = (where: string, rules: readonly KeyRuleConfig[]): ConfigIssue[] =>
      rules.flatMap(({ hash }, at) => (hash === true ? [issue([where, at, "hash"], "needs extract.hash_key")] : []));
    return [...lacking("labels", labels), ...lacking("annotations", annotations)];
  },
);

/** Off with `max_wait: 0s`. Whoever waits is not answered, so it must be well below the time-outs of senders: 5 s and up. */
const pending = section({
  max_wait: optional(durationMs({ min: 0, max: 30_000 }), PENDING.max_wait),
  max_mib: optional(integer({ min: 1 }), PENDING.max_mib),
});

const exclude = section({ pods: optional(list(section({ name: regExp(anywhereRegExp) })), []) });

const schema: Field<K8sAttributesConfig> = mapped(
  checked(
    section({
      ...apiAccessEntries(),
      identity_file: optional(notEmpty("the path of a pod list"), ""),
      passthrough: optional(boolean(), false),
      extract: optional(extract),
      filter: optional(filter),
      pod_association: optional(association, []),
      pod_association_on_miss: optional(oneOf(["next", "stop"]), "next"),
      exclude: optional(exclude),
      wait_for_metadata: optional(boolean(), false),
      wait_for_metadata_timeout: optional(durationMs({ min: 0 }), 10_000),
      watch_sync_period: optional(durationMs({ min: 0 })),
      pod_delete_grace_period: optional(durationMs({ min: 0 }), DEFAULT_GRACE_MS),
      semconv: optional(oneOf(SEMCONV_MODES)),
      pending: optional(pending),
    }),
    ({ identity_file: file, filter: wanted }) => {
      const isFiltered = wanted !== undefined && Object.keys(selectionOf(wanted)).length > 0;
      return file !== "" && isFiltered
        ? [issue(["filter"], "has no effect on identity_file, which is read whole; remove one of them")]
        : [];
    },
  ),
  (keys) => {
    const metadata = keys.extract?.metadata ?? DEFAULT_METADATA;
    const extraction: ExtractionConfig = {
      metadata: METADATA_NAMES.filter((name) => metadata.includes(name)),
      labels: keys.extract?.labels ?? [],
      annotations: keys.extract?.annotations ?? [],
      otelAnnotations: keys.extract?.otel_annotations ?? false,
      semconv: keys.semconv ?? "stable",
      patternLimits: {
        deny: keys.extract?.key_regex_deny ?? DENIED_KEYS,
        maxValueLength: keys.extract?.key_regex_max_value_length ?? MAX_PATTERN_VALUE,
        maxAttributes: keys.extract?.key_regex_max_attributes ?? MAX_PATTERN_ATTRIBUTES,
        maxValues: keys.extract?.key_regex_max_values ?? MAX_PATTERN_VALUES,
      },
      ...(keys.extract?.hash_key === undefined ? {} : { hash: new ValueHash(keys.extract.hash_key) }),
    };
    const { max_wait: maxWaitMs, max_mib: maxMib } = keys.pending ?? PENDING;
    const excluded = keys.exclude?.pods.map(({ name }) => name) ?? [];
    return {
      source: keys.passthrough ? undefined : podSource(keys, keys.filter === undefined ? {} : selectionOf(keys.filter)),
      enrichment: { extraction, excludedPods: excluded.length === 0 ? DEFAULT_EXCLUDED : excluded },
      association: keys.pod_association,
      onMiss: keys.pod_association_on_miss,
      waitForMetadataMs: keys.wait_for_metadata ? keys.wait_for_metadata_timeout : undefined,
      graceMs: keys.pod_delete_grace_period,
      pending: maxWaitMs === 0 ? undefined : { maxWaitMs, maxBytes: maxMib * 2 ** 20 },
      semconvGiven: keys.semconv !== undefined,
      warnings: [
        ...(keys.extract?.deployment_name_from_replicaset === undefined
          ? []
          : [
              "extract.deployment_name_from_replicaset has no effect: names of Deployments always come from ReplicaSets",
            ]),
        ...(keys.context !== "" && keys.auth_type !== "kubeConfig"
          ? ['context has no effect: it needs auth_type "kubeConfig"']
          : []),
        ...ruleWarnings("extract.labels", extraction.labels),
        ...ruleWarnings("extract.annotations", extraction.annotations),
        ...associationWarnings(keys.pod_association, extraction),
      ],
    };
  },
);

/** Reads the processor's YAML. */
export const k8sAttributesConfig: ConfigDefinition<K8sAttributesConfig> = defineConfig(schema);

function issue(path: ConfigIssue["path"], message: string): ConfigIssue {
  return { path, message };
}

function ruleWarnings(where: string, rules: readonly KeyRuleConfig[]): string[] {
  return rules.flatMap(({ keyRegex, tagName }, at) =>
    keyRegex === undefined || tagName === undefined || hasGroups(keyRegex)
      ? []
      : [`${where}[${at}].tag_name has no effect: key_regex ${shown(keyRegex)} has no group to build a name from`],
  );
}

function associationWarnings(rules: readonly RuleConfig[], extraction: ExtractionConfig): string[] {
  const { semconv } = extraction;
  const ofPods = (extracted: readonly KeyRuleConfig[]): readonly KeyRuleConfig[] =>
    extracted.filter(({ from }) => from === "pod");
  const [labels, annotations] = [ofPods(extraction.labels), ofPods(extraction.annotations)];
  // Names that come of a pattern are known only when a pod has them.
  const isOpen =
    extraction.otelAnnotations || [...labels, ...annotations].some(({ keyRegex }) => keyRegex !== undefined);
  const namesOf = (rule: KeyRuleConfig, field: KeyedField): readonly string[] =>
    rule.tagName === undefined ? keyPrefixes("pod", field, semconv).map((prefix) => prefix + rule.key) : [rule.tagName];
  const known = new Set([
    ...POD_METADATA,
    ...ADDRESSES,
    "container.id",
    ...labels.flatMap((rule) => namesOf(rule, "label")),
    ...annotations.flatMap((rule) => namesOf(rule, "annotation")),
  ]);
  return rules.flatMap(({ sources }, at) => {
    if (sources.every((each) => each.from === "resource_attribute" && SURROUNDING_UIDS.includes(each.name))) {
      return [`pod_association[${at}] can never match: a cluster or a node is no pod; add what tells its pods apart`];
    }
    return sources.flatMap((each) =>
      each.from === "connection" || known.has(each.name) || isOpen
        ? []
        : [`pod_association[${at}] can never match: no pod is known by ${shown(each.name)}; extract it from a label`],
    );
  });
}
