import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VERSION, type Telemetry } from "#telemetry";
import type { ApiClient } from "../access/api-client.ts";
import {
  CertificateFiles,
  type ClientCertificate,
  type Credentials,
  fixedCredentials,
  TokenFile,
} from "../access/credentials.ts";
import { HttpApiClient } from "../access/http-api-client.ts";
import { SERVICE_ACCOUNT_DIR } from "../access/in-cluster.ts";
import { KubernetesConfigError } from "../errors.ts";
import type { KubeletSettings } from "./kubelet-settings.ts";

const KUBELET_PORT = 10250;

/** Reads authority and credentials and makes a client; sends nothing yet. Rejects with `KubernetesConfigError`. */
export async function createKubeletClient(settings: KubeletSettings, telemetry: Telemetry): Promise<ApiClient> {
  const { insecureSkipVerify = false, caFile = join(SERVICE_ACCOUNT_DIR, "ca.crt") } = settings;
  const remedy = "give ca_file, or set insecure_skip_verify where kubelets sign their certificates themselves";
  const certificateAuthority = insecureSkipVerify ? undefined : await readPem(caFile, "the authority", remedy);
  return new HttpApiClient(
    {
      server: kubeletUrl(settings.endpoint),
      certificateAuthority,
      ...(insecureSkipVerify ? {} : { renewAuthority: () => readFile(caFile, "utf8") }),
      insecureSkipVerify,
      tlsServerName: undefined,
      proxy: undefined,
      credentials: await credentialsOf(settings, telemetry),
      headers: {},
      namespace: undefined,
    },
    // Once a second, the repetition with a fresh token included.
    { qps: 1, burst: 1, userAgent: `podflame/${VERSION}` },
    telemetry,
  );
}

/** The base URL of an endpoint. Throws `KubernetesConfigError` for what is none. */
export function kubeletUrl(endpoint: string): URL {
  const remedy = 'write host:port, e.g. "${env:K8S_NODE_IP}:10250"';
  const text = /^https?:\/\//.test(endpoint) ? endpoint : `https://${endpoint}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== "https:" || url.pathname !== "/" || url.search !== "") {
    throw new KubernetesConfigError(`"${endpoint}" is no address of a kubelet`, "endpoint", remedy);
  }
  // A port that is the scheme's own can't be told from none; no kubelet listens on 443.
  if (url.port === "") url.port = String(KUBELET_PORT);
  return url;
}

async function credentialsOf(settings: KubeletSettings, telemetry: Telemetry): Promise<Credentials> {
  switch (settings.authType) {
    case "none":
      return fixedCredentials({ authorization: undefined, certificate: undefined });
    case "serviceAccount": {
      const { tokenFile: path = join(SERVICE_ACCOUNT_DIR, "token") } = settings;
      const remedy = "run in a pod with automountServiceAccountToken, or give token_file";
      const credentials = new TokenFile({ path, remedy, ...telemetry });
      await credentials.current();
      return credentials;
    }
    case "tls": {
      const { certFile = "", keyFile = "" } = settings;
      const remedy = "give cert_file and key_file";
      const read = async (): Promise<ClientCertificate> => ({
        cert: await readPem(certFile, "the client's certificate", remedy),
        key: await readPem(keyFile, "the client's key", remedy),
      });
      return new CertificateFiles(await read(), read, telemetry.logger);
    }
  }
}

async function readPem(path: string, what: string, remedy: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new KubernetesConfigError(`cannot read ${what}`, path, remedy, { cause });
  }
}
