import type { ConfigIssue } from "#collector";
import type { Selection } from "#kubernetes";
import { escapeFieldValue, type NodeKeys, nodeSelector } from "../kubernetes-access.ts";

/** One condition of `filter.labels` or `filter.fields`. */
export interface SelectorConfig {
  readonly key: string;
  readonly value: string;
  readonly op: "equals" | "not-equals" | "exists" | "does-not-exist";
}

/** The section `filter`. */
export interface FilterConfig extends NodeKeys {
  readonly namespace: string;
  readonly labels: readonly SelectorConfig[];
  readonly fields: readonly SelectorConfig[];
}

// Kubernetes, "Labels and Selectors": syntax and character set.
const LABEL_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const LABEL_PREFIX = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** What the API server is asked for, all conditions together. */
export function selectionOf(filter: FilterConfig, env = process.env): Selection {
  const fields = filter.fields.map((field) => condition(field, escapeFieldValue(field.value)));
  const node = nodeSelector(filter, env);
  if (node !== undefined) fields.unshift(node);
  const labels = filter.labels.map((label) => condition(label, label.value));
  return {
    ...(filter.namespace === "" ? {} : { namespace: filter.namespace }),
    ...(fields.length === 0 ? {} : { fieldSelector: fields.join(",") }),
    ...(labels.length === 0 ? {} : { labelSelector: labels.join(",") }),
  };
}

/** What the API server would refuse in `filter.labels`. */
export function labelProblems(labels: readonly SelectorConfig[]): ConfigIssue[] {
  return labels.flatMap(({ key, value }, at): ConfigIssue[] => {
    const slash = key.indexOf("/");
    const prefixed = slash < 0 || LABEL_PREFIX.test(key.slice(0, slash));
    if (!prefixed || !LABEL_NAME.test(key.slice(slash + 1))) {
      return [{ path: [at, "key"], message: `${JSON.stringify(key)} is no label key` }];
    }
    if (value !== "" && !LABEL_NAME.test(value)) {
      return [{ path: [at, "value"], message: `${JSON.stringify(value)} is no label value` }];
    }
    return [];
  });
}

function condition({ key, op }: SelectorConfig, value: string): string {
  switch (op) {
    case "equals":
      return `${key}=${value}`;
    case "not-equals":
      return `${key}!=${value}`;
    case "exists":
      return key;
    case "does-not-exist":
      return `!${key}`;
  }
}
