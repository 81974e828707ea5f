import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Telemetry } from "#telemetry";
import type { ConnectionSettings } from "./connection.ts";
import {
  CertificateFiles,
  fixedCredentials,
  TokenFile,
  type ClientCertificate,
  type Credentials,
} from "./credentials.ts";
import { asObject } from "../decoding/envelope.ts";
import { KubernetesConfigError } from "../errors.ts";
import { loadKubeconfig, pathIn, stringOf, type Kubeconfig, type KubeconfigEntry } from "./kubeconfig.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The API server of a context of the user's kubeconfig. Rejects with `KubernetesConfigError`. */
export async function kubeconfigConnection(
  settings: { readonly path: string | undefined; readonly context: string | undefined; readonly env: Environment },
  telemetry: Telemetry,
): Promise<ConnectionSettings> {
  const config = await loadKubeconfig(settings.path, settings.env);
  const name = settings.context || config.currentContext;
  const files = config.files.join(", ");
  if (name === "") {
    throw new KubernetesConfigError("no context is chosen", files, 'set "context", or kubectl config use-context NAME');
  }
  const context = entryOf(config, "contexts", name, `${files}: current-context`);
  const [clusterName, userName] = [stringOf(context.values["cluster"]), stringOf(context.values["user"])];
  const cluster = entryOf(config, "clusters", clusterName, `${context.file}: context "${name}"`);
  const user = userName === "" ? undefined : entryOf(config, "users", userName, `${context.file}: context "${name}"`);
  return {
    ...(await clusterSettings(cluster, clusterName)),
    credentials: user
      ? await userCredentials(user, userName, cluster, settings.env, telemetry)
      : fixedCredentials({ authorization: undefined, certificate: undefined }),
    headers: user ? impersonation(user) : {},
    namespace: stringOf(context.values["namespace"]) || undefined,
  };
}

function entryOf(
  config: Kubeconfig,
  kind: "contexts" | "clusters" | "users",
  name: string,
  where: string,
): KubeconfigEntry {
  const entry = config[kind].get(name);
  if (entry) return entry;
  const known = [...config[kind].keys()].join(", ") || "none";
  throw new KubernetesConfigError(`there is no ${kind.slice(0, -1)} "${name}"`, where, `choose one of: ${known}`);
}

async function clusterSettings(
  entry: KubeconfigEntry,
  name: string,
): Promise<Omit<ConnectionSettings, "credentials" | "headers" | "namespace">> {
  const where = `${entry.file}: cluster "${name}"`;
  const { values } = entry;
  const server = urlOf(stringOf(values["server"]), ["https:", "http:"], `${where}: server`);
  const proxyUrl = stringOf(values["proxy-url"]);
  return {
    server,
    certificateAuthority: await inlineOrFile(entry, "certificate-authority", where),
    renewAuthority: () => inlineOrFile(entry, "certificate-authority", where),
    insecureSkipVerify: values["insecure-skip-tls-verify"] === true,
    tlsServerName: stringOf(values["tls-server-name"]) || undefined,
    proxy: proxyUrl === "" ? undefined : urlOf(proxyUrl, ["http:", "https:"], `${where}: proxy-url`),
  };
}

function urlOf(text: string, schemes: readonly string[], where: string): URL {
  const url = URL.parse(text);
  if (url && schemes.includes(url.protocol)) return url;
  // Without the text: it may hold a password.
  const remedy = `give a URL with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`;
  throw new KubernetesConfigError(text === "" ? "is missing" : "is not a usable URL", where, remedy);
}

/** `KEY-data` in base64, or the content of the file `KEY`; undefined where neither is given. */
async function inlineOrFile(entry: KubeconfigEntry, key: string, where: string): Promise<string | undefined> {
  const data = stringOf(entry.values[`${key}-data`]);
  if (data !== "") return Buffer.from(data, "base64").toString();
  const path = stringOf(entry.values[key]);
  if (path === "") return undefined;
  return readFile(pathIn(entry, path), "utf8").catch((cause: unknown) => {
    throw new KubernetesConfigError(`cannot read ${pathIn(entry, path)}`, `${where}: ${key}`, "check the path", {
      cause,
    });
  });
}

async function userCredentials(
  user: KubeconfigEntry,
  name: string,
  cluster: KubeconfigEntry,
  env: Environment,
  telemetry: Telemetry,
): Promise<Credentials> {
  const where = `${user.file}: user "${name}"`;
  const { values } = user;
  if (values["auth-provider"]) {
    const remedy = "use the provider's exec plugin instead, as kubectl 1.26 and newer demand";
    throw new KubernetesConfigError("auth-provider is not supported", where, remedy);
  }
  if (values["exec"]) {
    const { ExecPlugin } = await import("./exec-plugin.ts");
    const { execSettings } = await import("./exec-settings.ts");
    return new ExecPlugin(
      execSettings(asObject(values["exec"]), where, dirname(user.file), cluster),
      env,
      telemetry.clock,
    );
  }
  const certificate = await clientCertificate(user, where);
  const tokenFile = stringOf(values["tokenFile"]);
  if (tokenFile !== "") {
    const credentials = new TokenFile({
      path: pathIn(user, tokenFile),
      certificate,
      remedy: `correct tokenFile of ${where}`,
      ...telemetry,
    });
    await credentials.current();
    return credentials;
  }
  const authorization = fixedAuthorization(values);
  if (certificate === undefined || authorization !== undefined) {
    return fixedCredentials({ authorization, certificate });
  }
  return new CertificateFiles(certificate, () => clientCertificate(user, where), telemetry.logger);
}

function fixedAuthorization(values: Readonly<Record<string, unknown>>): string | undefined {
  const token = stringOf(values["token"]).trim();
  if (token !== "") return `Bearer ${token}`;
  const [username, password] = [stringOf(values["username"]), stringOf(values["password"])];
  return username === "" ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

async function clientCertificate(user: KubeconfigEntry, where: string): Promise<ClientCertificate | undefined> {
  const cert = await inlineOrFile(user, "client-certificate", where);
  const key = await inlineOrFile(user, "client-key", where);
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  const missing = cert === undefined ? "client-certificate" : "client-key";
  throw new KubernetesConfigError(`${missing} is missing`, where, "give certificate and key, or neither");
}

/** Headers of "user impersonation" (Kubernetes, "Authenticating"). */
function impersonation({ values }: KubeconfigEntry): Readonly<Record<string, string | readonly string[]>> {
  const headers: Record<string, string | readonly string[]> = {};
  if (stringOf(values["as"]) === "") return headers;
  headers["impersonate-user"] = stringOf(values["as"]);
  if (stringOf(values["as-uid"]) !== "") headers["impersonate-uid"] = stringOf(values["as-uid"]);
  const groups = values["as-groups"];
  if (Array.isArray(groups)) headers["impersonate-group"] = groups.map(String);
  for (const [key, extra] of Object.entries(asObject(values["as-user-extra"]))) {
    if (Array.isArray(extra)) headers[`impersonate-extra-${encodeURIComponent(key.toLowerCase())}`] = extra.map(String);
  }
  return headers;
}
