import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Telemetry } from "#telemetry";
import type { ConnectionSettings } from "./connection.ts";
import { fixedCredentials, TokenFile } from "./credentials.ts";
import { KubernetesConfigError } from "../errors.ts";

/** Where kubelets mount the account of a pod (Kubernetes, "Accessing the API from within a Pod"). */
export const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";

type Environment = Readonly<Record<string, string | undefined>>;

/** The API server of the cluster that this process runs in, with the pod's service account. */
export async function inClusterConnection(
  environment: Environment,
  telemetry: Telemetry,
  folder = SERVICE_ACCOUNT_DIR,
): Promise<ConnectionSettings> {
  const server = serverFromEnvironment(environment, "serviceAccount");
  const remedy = "run in a pod with automountServiceAccountToken, or set auth_type: kubeConfig";
  const certificateAuthority = await readFile(join(folder, "ca.crt"), "utf8").catch((cause: unknown) => {
    throw new KubernetesConfigError("cannot read the cluster's authority", join(folder, "ca.crt"), remedy, { cause });
  });
  const credentials = new TokenFile({ path: join(folder, "token"), remedy, ...telemetry });
  await credentials.current();
  const namespace = await readFile(join(folder, "namespace"), "utf8").catch(() => "");
  return {
    ...PLAIN,
    server,
    certificateAuthority,
    renewAuthority: () => readFile(join(folder, "ca.crt"), "utf8"),
    credentials,
    namespace: namespace.trim() || undefined,
  };
}

/** The API server that the environment names, without credentials and without asking who it is. */
export function anonymousConnection(environment: Environment): ConnectionSettings {
  return { ...PLAIN, server: serverFromEnvironment(environment, "none"), insecureSkipVerify: true };
}

const PLAIN: Omit<ConnectionSettings, "server"> = {
  certificateAuthority: undefined,
  insecureSkipVerify: false,
  tlsServerName: undefined,
  proxy: undefined,
  credentials: fixedCredentials({ authorization: undefined, certificate: undefined }),
  headers: {},
  namespace: undefined,
};

function serverFromEnvironment(environment: Environment, authType: string): URL {
  const [host, port] = [environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]];
  if (!host || !port) {
    throw new KubernetesConfigError(
      `KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set`,
      `auth_type: ${authType}`,
      "run in a pod of the cluster, or set auth_type: kubeConfig",
    );
  }
  try {
    return new URL(`https://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`);
  } catch (cause) {
    const where = "KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT";
    throw new KubernetesConfigError(`"${host}" and "${port}" are no address`, where, "correct them", { cause });
  }
}
