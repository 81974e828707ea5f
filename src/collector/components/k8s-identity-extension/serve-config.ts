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
import type { ObjectKind } from "#kubernetes";
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

const entries = {
  grpc: presence(grpcServer({ endpoint: DEFAULT_ENDPOINT })),
  token_file: optional(string()),
  labels: optional(keyPattern, /^.*$/su),
  annotations: optional(keyPattern, /(?!)/),
  objects: optional(list(oneOf(OBJECTS)), []),
  ...apiAccessEntries(),
};
type Keys = SectionOutput<typeof entries>;

/** Names and labels of all pods are not everybody's business. */
function problems({ grpc, token_file: token }: Keys): ConfigIssue[] {
  if (grpc === undefined) return [];
  const host = parseHostPort(grpc.endpoint)?.host;
  const isLocal = grpc.transport === "unix" || /^(?:localhost|127\..*|::1)$/.test(host ?? "");
  if (isLocal || isGiven(token) || grpc.tls?.clientCaFile !== undefined) return [];
  const message = `${shown(grpc.endpoint)} tells anybody who reaches it of all pods; give token_file, or grpc::tls::client_ca_file`;
  return [{ path: ["grpc", "endpoint"], message }];
}

/** An environment variable that isn't set leaves an empty text. */
function isGiven(path: string | undefined): path is string {
  return path !== undefined && path !== "";
}

function settingsOf(read: Keys): ServeSettings {
  const { labels, annotations, objects, token_file: token } = read;
  const keys = { label: (key: string) => labels.test(key), annotation: (key: string) => annotations.test(key) };
  const needs: IdentityNeeds = {
    source: { kind: "api", client: apiClientSettings(read), selection: {} },
    keys,
    objects: new Map(objects.map((kind): [ObjectKind, { keys: typeof keys }] => [kind, { keys }])),
    keysName: JSON.stringify(["serve", labels.source, annotations.source, objects]),
    graceMs: DEFAULT_GRACE_MS,
  };
  return { grpc: read.grpc ?? { endpoint: DEFAULT_ENDPOINT }, tokenFile: isGiven(token) ? token : undefined, needs };
}

/** The section `serve` of a gateway. */
export const serveSection: Field<ServeSettings> = mapped(checked(section(entries), problems), settingsOf);
