import {
  checked,
  type ConfigIssue,
  type Field,
  FieldProblem,
  grpcServer,
  list,
  mapped,
  oneOf,
  optional,
  parsed,
  presence,
  section,
  type SectionOutput,
  shown,
  string,
} from "#collector";
import { DEFAULT_GRACE_MS, type IdentityNeeds } from "#identity";
import type { ApiClientSettings, ObjectKind } from "#kubernetes";
import { parseHostPort } from "#transport";
import { apiAccessEntries, apiClientSettings } from "../kubernetes-access.ts";
import type { ServeSettings } from "./identity-server.ts";

/** A pattern for whole keys; the empty one fits none. */
const keyPattern: Field<RegExp> = parsed((text) => {
  try {
    return text === "" ? /(?!)/ : new RegExp(`^(?:${text})$`, "u");
  } catch (error) {
    throw new FieldProblem(`${shown(text)} is no regular expression: ${(error as Error).message}`);
  }
});

/** As `OBJECT_KINDS` of #kubernetes, which is not loaded to check a configuration. */
const OBJECTS = [
  "Namespace",
  "Node",
  "ReplicaSet",
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
] as const;

const DEFAULT_ENDPOINT = "localhost:4319";
const DEFAULT_AUDIENCE = "podflame";

/** `namespace/name`, read as the API server calls that user. */
const serviceAccount: Field<string> = parsed((text) => {
  const [, namespace, name] = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(text) ?? [];
  if (namespace !== undefined) return `system:serviceaccount:${namespace}:${name}`;
  throw new FieldProblem(`${shown(text)} is no service account; write namespace/name, e.g. "podflame/podflame-agent"`);
});

const entries = {
  grpc: presence(grpcServer({ endpoint: DEFAULT_ENDPOINT })),
  token_file: optional(string()),
  service_accounts: optional(list(serviceAccount)),
  audience: optional(string(), DEFAULT_AUDIENCE),
  labels: optional(keyPattern, /^.*$/su),
  annotations: optional(keyPattern, /(?!)/),
  objects: optional(list(oneOf(OBJECTS)), []),
  ...apiAccessEntries(),
};
type Keys = SectionOutput<typeof entries>;

/** Names and labels of all pods are not everybody's business. */
function problems({ grpc, token_file: token, service_accounts: accounts }: Keys): ConfigIssue[] {
  if (accounts?.length === 0) {
    return [{ path: ["service_accounts"], message: "is empty: name those that agents run as, or leave it out" }];
  }
  if (accounts !== undefined && isGiven(token)) {
    return [{ path: ["token_file"], message: "has no use beside service_accounts, whose tokens say who asks" }];
  }
  if (grpc === undefined) return [];
  const host = parseHostPort(grpc.endpoint)?.host;
  const isLocal = grpc.transport === "unix" || /^(?:localhost|127\..*|::1)$/.test(host ?? "");
  if (isLocal || isGiven(token) || accounts !== undefined || grpc.tls?.clientCaFile !== undefined) return [];
  const message = `${shown(grpc.endpoint)} tells anybody who reaches it of all pods; give service_accounts, token_file, or grpc::tls::client_ca_file`;
  return [{ path: ["grpc", "endpoint"], message }];
}

/** An environment variable that isn't set leaves an empty text. */
function isGiven(path: string | undefined): path is string {
  return path !== undefined && path !== "";
}

function settingsOf(read: Keys): ServeSettings {
  const { labels, annotations, objects } = read;
  const keys = { label: (key: string) => labels.test(key), annotation: (key: string) => annotations.test(key) };
  const client = apiClientSettings(read);
  const needs: IdentityNeeds = {
    source: { kind: "api", client, selection: {} },
    keys,
    objects: new Map(objects.map((kind): [ObjectKind, { keys: typeof keys }] => [kind, { keys }])),
    keysName: JSON.stringify(["serve", labels.source, annotations.source, objects]),
    graceMs: DEFAULT_GRACE_MS,
  };
  return { grpc: read.grpc ?? { endpoint: DEFAULT_ENDPOINT }, access: accessOf(read, client), needs };
}

function accessOf(read: Keys, client: ApiClientSettings): ServeSettings["access"] {
  const { service_accounts: accounts, audience, token_file: file } = read;
  if (accounts !== undefined) return { kind: "pod tokens", users: new Set(accounts), audience, client };
  return isGiven(file) ? { kind: "shared token", file } : { kind: "open" };
}

/** The section `serve` of a gateway. */
export const serveSection: Field<ServeSettings> = mapped(checked(section(entries), problems), settingsOf);
