import {
  boolean,
  checked,
  type ConfigIssue,
  defineConfig,
  durationMs,
  type Field,
  FieldProblem,
  GRPC_CLIENT_UNSUPPORTED,
  grpcClientEntries,
  grpcClientProblems,
  grpcClientSettings,
  integer,
  list,
  mapped,
  notEmpty,
  oneOf,
  optional,
  parsed,
  presence,
  section,
  string,
} from "#collector";
import type { NamedSource } from "#identity";
import type { KubeletSettings } from "#kubernetes";
import type { GatewaySettings } from "./gateway-connection.ts";
import type { ServeSettings } from "./identity-server.ts";
import { serveSection } from "./serve-config.ts";

/** Where a `k8s_identity` extension learns who is who. What no source needs is undefined. */
export interface K8sIdentityConfig {
  readonly sources: readonly NamedSource[];
  readonly nodeName: string;
  readonly kubelet: { readonly settings: KubeletSettings; readonly intervalMs: number } | undefined;
  /** `sockets` are tried in turn; the first that is there is taken. */
  readonly cri: { readonly sockets: readonly string[]; readonly intervalMs: number } | undefined;
  readonly file: { readonly path: string; readonly intervalMs: number } | undefined;
  /** Sockets of containerd and docker; those that aren't there are left out as long as one is. */
  readonly containers:
    | { readonly containerd: readonly string[]; readonly docker: readonly string[]; readonly intervalMs: number }
    | undefined;
  readonly gateway: GatewaySettings | undefined;
  /** Serves agents the pods of their nodes. */
  readonly serve: ServeSettings | undefined;
  readonly snapshot: { readonly directory: string; readonly intervalMs: number; readonly maxBytes: number } | undefined;
}

const KNOWN_CONTAINERD_SOCKETS: readonly string[] = [
  "/run/containerd/containerd.sock",
  "/run/k3s/containerd/containerd.sock",
];
/** Where containerd, CRI-O, k3s and MicroK8s listen. */
const KNOWN_SOCKETS: readonly string[] = [
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/k3s/containerd/containerd.sock",
  "/var/snap/microk8s/common/run/containerd.sock",
];
const UNIX = /^(?:unix:(?:\/\/)?)?(\/.+)$/;
/** Nothing is polled more often. */
const MIN_POLL_MS = 1_000;

const source: Field<NamedSource> = oneOf(["api", "gateway", "kubelet", "cri", "containers", "file"]);
const DEFAULT_SOURCES: NamedSource[] = ["api"];

const kubelet = checked(
  section({
    endpoint: string((text) => {
      const address = text.replace(/^https:\/\//, "");
      if (!/^(?:\[[^\]]+\]|[^:/?#\s]+)(?::\d{1,5})?$/.test(address)) {
        throw new FieldProblem(
          `${JSON.stringify(text)} is no address; write host:port, e.g. "\${env:K8S_NODE_IP}:10250"`,
        );
      }
    }),
    auth_type: optional(oneOf(["serviceAccount", "tls", "none"]), "serviceAccount"),
    ca_file: optional(notEmpty("the path of a PEM file")),
    cert_file: optional(notEmpty("the path of a PEM file")),
    key_file: optional(notEmpty("the path of a PEM file")),
    token_file: optional(notEmpty("the path of a token")),
    insecure_skip_verify: optional(boolean(), false),
    poll_interval: optional(durationMs({ min: MIN_POLL_MS }), 10_000),
  }),
  ({ auth_type: authType, cert_file: cert, key_file: key }): ConfigIssue[] =>
    authType === "tls" && (cert === undefined || key === undefined)
      ? [{ path: ["auth_type"], message: '"tls" needs cert_file and key_file' }]
      : [],
);

/** Read as its path. */
const socket: Field<string> = parsed((text) => {
  const path = UNIX.exec(text)?.[1];
  if (path !== undefined) return path;
  throw new FieldProblem(`${JSON.stringify(text)} is no socket; write unix:///run/containerd/containerd.sock`);
});

const cri = section({
  endpoint: optional(socket),
  poll_interval: optional(durationMs({ min: MIN_POLL_MS }), 2_000),
});

const DOCKER_SOCKET = "/var/run/docker.sock";

const containers = section({
  containerd: optional(socket),
  docker: optional(socket),
  poll_interval: optional(durationMs({ min: MIN_POLL_MS }), 2_000),
});

const file = section({
  path: notEmpty("the path of a pod list"),
  poll_interval: optional(durationMs({ min: MIN_POLL_MS }), 10_000),
});

const gateway = checked(
  section({ ...grpcClientEntries(), token_file: optional(notEmpty("the path of a token")) }, GRPC_CLIENT_UNSUPPORTED),
  grpcClientProblems,
);

const snapshot = section({
  directory: notEmpty("a folder"),
  interval: optional(durationMs({ min: MIN_POLL_MS }), 60_000),
  max_size_mib: optional(integer({ min: 1, max: 4096 }), 64),
});

const NO_NODE =
  "is missing, and the gateway is asked for a node's pods; give it, or set K8S_NODE_NAME (fieldRef spec.nodeName in the pod's env)";

/** Who names a socket means that one; else both runtimes are looked for where they usually are. */
function containerSockets(
  read:
    | { readonly containerd: string | undefined; readonly docker: string | undefined; readonly poll_interval: number }
    | undefined,
): K8sIdentityConfig["containers"] {
  const { containerd, docker, poll_interval: intervalMs = 2_000 } = read ?? {};
  const isAny = containerd === undefined && docker === undefined;
  return {
    containerd: containerd === undefined ? (isAny ? KNOWN_CONTAINERD_SOCKETS : []) : [containerd],
    docker: docker === undefined ? (isAny ? [DOCKER_SOCKET] : []) : [docker],
    intervalMs,
  };
}

/** Reads the extension's YAML. */
export const k8sIdentityConfig = defineConfig<K8sIdentityConfig>(
  mapped(
    checked(
      section({
        sources: optional(list(source), DEFAULT_SOURCES),
        node: optional(string()),
        kubelet: optional(kubelet),
        cri: optional(cri),
        containers: optional(containers),
        gateway: optional(gateway),
        file: optional(file),
        serve: presence(serveSection),
        snapshot: optional(snapshot),
      }),
      ({ sources, ...described }): ConfigIssue[] => {
        if (sources.length === 0) return [{ path: ["sources"], message: "is empty: name at least one source" }];
        return [
          ...(["gateway", "kubelet", "file"] as const).flatMap((name) =>
            sources.includes(name) && described[name] === undefined
              ? [{ path: ["sources"], message: `names ${name}, which needs a section ${name}` }]
              : [],
          ),
          ...(["gateway", "kubelet", "cri", "containers", "file"] as const).flatMap((name) =>
            !sources.includes(name) && described[name] !== undefined
              ? [{ path: [name], message: `has no effect: ${name} is not in sources; add it there, or remove this` }]
              : [],
          ),
          ...(described.serve !== undefined && !sources.includes("api")
            ? [{ path: ["serve"], message: "needs the API server, to know the pods of all nodes; add api to sources" }]
            : []),
          ...(sources.includes("gateway") && (described.node ?? process.env["K8S_NODE_NAME"] ?? "") === ""
            ? [{ path: ["node"], message: NO_NODE }]
            : []),
          ...sources.flatMap((name, at) =>
            sources.indexOf(name) < at ? [{ path: ["sources", at], message: `names ${name} twice` }] : [],
          ),
        ];
      },
    ),
    (read) => ({
      sources: read.sources,
      nodeName: read.node ?? process.env["K8S_NODE_NAME"] ?? "",
      kubelet: read.kubelet && {
        intervalMs: read.kubelet.poll_interval,
        settings: {
          endpoint: read.kubelet.endpoint,
          authType: read.kubelet.auth_type,
          caFile: read.kubelet.ca_file,
          certFile: read.kubelet.cert_file,
          keyFile: read.kubelet.key_file,
          tokenFile: read.kubelet.token_file,
          insecureSkipVerify: read.kubelet.insecure_skip_verify,
        },
      },
      cri: read.sources.includes("cri")
        ? {
            sockets: read.cri?.endpoint === undefined ? KNOWN_SOCKETS : [read.cri.endpoint],
            intervalMs: read.cri?.poll_interval ?? 2_000,
          }
        : undefined,
      containers: read.sources.includes("containers") ? containerSockets(read.containers) : undefined,
      gateway: read.gateway && { client: grpcClientSettings(read.gateway), tokenFile: read.gateway.token_file },
      serve: read.serve,
      file: read.file && { path: read.file.path, intervalMs: read.file.poll_interval },
      snapshot: read.snapshot && {
        directory: read.snapshot.directory,
        intervalMs: read.snapshot.interval,
        maxBytes: read.snapshot.max_size_mib << 20,
      },
    }),
  ),
);
