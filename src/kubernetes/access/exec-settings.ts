import { asObject } from "../decoding/envelope.ts";
import { KubernetesConfigError } from "../errors.ts";
import type { ExecPluginSettings } from "./exec-plugin.ts";
import { stringOf, type KubeconfigEntry } from "./kubeconfig.ts";

const API_VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] as const;

/** Reads `users[].user.exec`; `cluster` is told to the plugin when it asks for that. */
export function execSettings(
  exec: Readonly<Record<string, unknown>>,
  where: string,
  folder: string,
  cluster: KubeconfigEntry,
): ExecPluginSettings {
  const apiVersion = API_VERSIONS.find((version) => version === exec["apiVersion"]);
  if (!apiVersion) {
    const what = `exec.apiVersion "${stringOf(exec["apiVersion"])}" is not supported`;
    throw new KubernetesConfigError(what, where, `use ${API_VERSIONS.join(" or ")}`);
  }
  const command = stringOf(exec["command"]);
  if (command === "") throw new KubernetesConfigError("exec.command is missing", where, "name the plugin");
  if (exec["interactiveMode"] === "Always") {
    const remedy = "use a plugin that needs no terminal (interactiveMode: Never)";
    throw new KubernetesConfigError(`the credential plugin "${command}" wants a terminal`, where, remedy);
  }
  return {
    apiVersion,
    command,
    args: Array.isArray(exec["args"]) ? exec["args"].map(String) : [],
    env: variables(exec["env"]),
    installHint: stringOf(exec["installHint"]),
    cluster: exec["provideClusterInfo"] === true ? clusterInfo(cluster) : undefined,
    folder,
    where,
  };
}

function variables(list: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of Array.isArray(list) ? list : []) {
    const { name, value } = asObject(entry);
    if (typeof name === "string" && name !== "") found[name] = stringOf(value);
  }
  return found;
}

/** spec.cluster of an ExecCredential: the cluster entry, its keys as Go's types name them. */
function clusterInfo({ values }: KubeconfigEntry): Record<string, unknown> {
  const info: Record<string, unknown> = { server: values["server"] };
  for (const key of ["tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url"]) {
    if (values[key] !== undefined) info[key] = values[key];
  }
  return info;
}
