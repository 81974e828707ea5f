/**
 * The keys by which components say how they reach the Kubernetes API, in the words and with the defaults of the
 * Collector's k8sattributes processor. One reading for all, because equal settings share one client and one watch.
 */
import { FieldProblem, integer, number, oneOf, optional, type SectionOutput, string } from "#collector";
import type { SourceSettings } from "#identity";
import type { ApiClientSettings, Selection } from "#kubernetes";

/** Keys of access to the API server, to be spread into a section. */
export const apiAccessEntries = () => ({
  auth_type: optional(oneOf(["serviceAccount", "kubeConfig", "none"]), "serviceAccount"),
  context: optional(string(), ""),
  kube_config_path: optional(string(), ""),
  kube_api_qps: optional(number({ min: 0.1 }), 5),
  kube_api_burst: optional(integer({ min: 1 }), 10),
});

/** What `apiAccessEntries` read. */
export type ApiAccessKeys = SectionOutput<ReturnType<typeof apiAccessEntries>>;

/** Settings of a client of the API server; what isn't given is left out. */
export function apiClientSettings(read: ApiAccessKeys): ApiClientSettings {
  return {
    authType: read.auth_type,
    ...(read.context === "" ? {} : { context: read.context }),
    ...(read.kube_config_path === "" ? {} : { kubeConfigPath: read.kube_config_path }),
    qps: read.kube_api_qps,
    burst: read.kube_api_burst,
  };
}

/** The selected pods of the API server, or all those of a file where `identity_file` names one. */
export function podSource(
  read: ApiAccessKeys & { readonly identity_file: string },
  selection: Selection,
): SourceSettings {
  return read.identity_file === ""
    ? { kind: "api", client: apiClientSettings(read), selection }
    : { kind: "file", path: read.identity_file };
}

/** Keys of a filter that keep to one node's pods, to be spread into a section. */
export const nodeEntries = () => ({
  node: optional(string(), ""),
  node_from_env_var: optional(string(checkNodeVariable), ""),
});

/** What `nodeEntries` read. */
export type NodeKeys = SectionOutput<ReturnType<typeof nodeEntries>>;

/** The field selector for a node's pods; undefined for those of all nodes. The variable wins over a given node. */
export function nodeSelector(read: NodeKeys, env = process.env): string | undefined {
  const node = read.node_from_env_var === "" ? read.node : (env[read.node_from_env_var] ?? "");
  return node === "" ? undefined : `spec.nodeName=${escapeFieldValue(node)}`;
}

/** A value as field selectors want it: commas, equals signs and backslashes have a meaning there. */
export function escapeFieldValue(value: string): string {
  return value.replaceAll(/[\\,=]/g, (character) => `\\${character}`);
}

/** An empty variable would watch the whole cluster without a word. */
function checkNodeVariable(name: string): void {
  if (name === "" || process.env[name]) return;
  const state = process.env[name] === undefined ? "is not set" : "is empty";
  throw new FieldProblem(
    `the environment variable ${name} ${state}; set it to the node's name (fieldRef spec.nodeName in the pod's env)`,
  );
}
