import { VERSION, type Telemetry } from "#telemetry";
import type { ApiClient, ApiClientSettings } from "./api-client.ts";
import type { ConnectionSettings } from "./connection.ts";
import { HttpApiClient } from "./http-api-client.ts";
import { anonymousConnection, inClusterConnection } from "./in-cluster.ts";

/** As the Collector's `kube_api_qps` and `kube_api_burst`. */
const DEFAULT_QPS = 5;
const DEFAULT_BURST = 10;

/** Reads the credentials and makes a client; sends nothing yet. Rejects with `KubernetesConfigError`. */
export async function createApiClient(settings: ApiClientSettings, telemetry: Telemetry): Promise<ApiClient> {
  const connection = await connectionOf(settings, telemetry);
  if (connection.insecureSkipVerify && settings.authType === "kubeConfig") {
    telemetry.logger.warn("the API server's certificate is not verified (insecure-skip-tls-verify)");
  }
  return new HttpApiClient(
    connection,
    { qps: settings.qps ?? DEFAULT_QPS, burst: settings.burst ?? DEFAULT_BURST, userAgent: `podflame/${VERSION}` },
    telemetry,
  );
}

async function connectionOf(settings: ApiClientSettings, telemetry: Telemetry): Promise<ConnectionSettings> {
  const env = settings.env ?? process.env;
  switch (settings.authType) {
    case "serviceAccount":
      return inClusterConnection(env, telemetry, settings.serviceAccountDir);
    case "none":
      return anonymousConnection(env);
    case "kubeConfig": {
      const { kubeconfigConnection } = await import("./kubeconfig-connection.ts");
      return kubeconfigConnection({ path: settings.kubeConfigPath, context: settings.context, env }, telemetry);
    }
  }
}
