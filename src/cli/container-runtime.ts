import { existsSync } from "node:fs";
import { hostname } from "node:os";

/** Where container runtimes listen that Kubernetes uses: containerd, CRI-O, k3s, MicroK8s. */
const CRI_SOCKETS: readonly string[] = [
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/k3s/containerd/containerd.sock",
  "/var/snap/microk8s/common/run/containerd.sock",
];
const DOCKER_SOCKET = "/var/run/docker.sock";

/** Sockets of this machine's container runtimes. At least one is there. */
export interface ContainerRuntimes {
  /** Speaks the interface that the kubelet uses. */
  readonly cri: string | undefined;
  readonly docker: string | undefined;
}

/**
 * The container runtimes of this machine, if there are any: what crictl's CONTAINER_RUNTIME_ENDPOINT says, else the first
 * socket that is there, and docker's.
 */
export function containerRuntimes(env: NodeJS.ProcessEnv = process.env): ContainerRuntimes | undefined {
  const told = env["CONTAINER_RUNTIME_ENDPOINT"]?.replace(/^unix:\/\//, "") ?? "";
  const cri = (told === "" ? CRI_SOCKETS : [told]).find((socket) => existsSync(socket));
  const docker = existsSync(DOCKER_SOCKET) ? DOCKER_SOCKET : undefined;
  return cri === undefined && docker === undefined ? undefined : { cri, docker };
}

/**
 * What is laid upon a preset with `k8s_attributes` so that containers are named by their runtimes alone. As YAML.
 * @param extensions those of the preset
 */
export function runtimeOverlay({ cri, docker }: ContainerRuntimes, extensions: readonly string[]): string {
  // Of containerd also those containers are asked for that aren't the kubelet's: nerdctl's and ctr's.
  const containerd = cri?.includes("containerd") === true ? cri : undefined;
  const hasOthers = containerd !== undefined || docker !== undefined;
  const identity = {
    sources: [...(cri === undefined ? [] : ["cri"]), ...(hasOthers ? ["containers"] : [])],
    ...(cri === undefined ? {} : { cri: { endpoint: `unix://${cri}` } }),
    ...(hasOthers ? { containers: { ...unix("containerd", containerd), ...unix("docker", docker) } } : {}),
    node: hostname(),
  };
  return JSON.stringify({
    extensions: { k8s_identity: identity },
    service: { extensions: [...extensions, "k8s_identity"] },
  });
}

function unix(name: string, socket: string | undefined): Record<string, string> {
  return socket === undefined ? {} : { [name]: `unix://${socket}` };
}
