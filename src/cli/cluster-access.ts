import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** Where a pod finds its service account (Kubernetes, "Accessing the API from a Pod"). */
const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** A way to a Kubernetes API server: as a pod has it, or as kubectl. */
export type ClusterAccess = "serviceAccount" | "kubeConfig";

/**
 * How this process could reach a Kubernetes API server: as a pod does, as kubectl does, or not at all. Tells only what
 * is there, not whether it works.
 */
export function clusterAccess(env: NodeJS.ProcessEnv = process.env): ClusterAccess | undefined {
  if (env["KUBERNETES_SERVICE_HOST"] && existsSync(SERVICE_ACCOUNT_TOKEN)) return "serviceAccount";
  const files = env["KUBECONFIG"]?.split(delimiter) ?? [join(homedir(), ".kube", "config")];
  return files.some((file) => file !== "" && existsSync(file)) ? "kubeConfig" : undefined;
}

/**
 * What is laid upon a preset with `k8s_attributes` so that it names pods by that access; without any it passes on what
 * comes. As YAML.
 */
export function namingOverlay(access: ClusterAccess | undefined): string {
  const processor =
    access === undefined ? { passthrough: true, filter: { node_from_env_var: "" } } : { auth_type: access };
  return JSON.stringify({ processors: { k8s_attributes: processor } });
}

/**
 * What is laid upon the preset `gateway` so that it tells agents by that access who is who; without any it has nothing to
 * tell, and serves none. As YAML.
 */
export function servingOverlay(access: ClusterAccess | undefined): string {
  // Without keys the extension does nothing by itself.
  return JSON.stringify({
    extensions: { k8s_identity: access === undefined ? null : { serve: { auth_type: access } } },
  });
}
