import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** Where a pod finds its service account (Kubernetes, "Accessing the API from a Pod"). */
const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/**
 * How this process could reach a Kubernetes API server: as a pod does, as kubectl does, or not at all. Tells only what
 * is there, not whether it works.
 */
export function clusterAccess(env: NodeJS.ProcessEnv = process.env): "serviceAccount" | "kubeConfig" | undefined {
  if (env["KUBERNETES_SERVICE_HOST"] && existsSync(SERVICE_ACCOUNT_TOKEN)) return "serviceAccount";
  const files = env["KUBECONFIG"]?.split(delimiter) ?? [join(homedir(), ".kube", "config")];
  return files.some((file) => file !== "" && existsSync(file)) ? "kubeConfig" : undefined;
}
