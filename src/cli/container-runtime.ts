import { existsSync } from "node:fs";
import { hostname } from "node:os";

/** Where container runtimes listen that Kubernetes uses: containerd, CRI-O, k3s, MicroK8s. */
const CRI_SOCKETS: readonly string[] = [
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "/run/k3s/containerd/containerd.sock",
  "/var/snap/microk8s/common/run/containerd.sock",
];

/**
 * The socket of a container runtime of this machine, if there is one: what crictl's CONTAINER_RUNTIME_ENDPOINT says, else
 * the first that is there.
 */
export function runtimeSocket(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const told = env["CONTAINER_RUNTIME_ENDPOINT"]?.replace(/^unix:\/\//, "");
  return [...(told === undefined || told === "" ? [] : [told]), ...CRI_SOCKETS].find((socket) => existsSync(socket));
}

/**
 * What is laid upon a preset with `k8s_attributes` so that pods are named by the container runtime alone. As YAML.
 * @param extensions those of the preset
 */
export function runtimeOverlay(socket: string, extensions: readonly string[]): string {
  return JSON.stringify({
    extensions: {
      k8s_identity: { sources: ["cri"], cri: { endpoint: `unix://${socket}` }, node: hostname() },
    },
    service: { extensions: [...extensions, "k8s_identity"] },
  });
}
