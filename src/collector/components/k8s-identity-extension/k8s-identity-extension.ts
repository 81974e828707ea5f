import { type Component, type ComponentContext, hostKey } from "#collector";
import { IdentityHub, sourcesOpener } from "#identity";
import type { ContainerLister } from "#kubernetes";
import type { TransportContext } from "#transport";
import type { K8sIdentityConfig } from "./config.ts";
import { CriSocket } from "./cri-connection.ts";
import { GatewayStream } from "./gateway-connection.ts";
import { IdentityServer } from "./identity-server.ts";

/** The process's directories of pods, as those who ask them know them. */
const IDENTITY = hostKey<IdentityHub>("identity");

/**
 * Has the process's directories of pods fed from the sources of its configuration. Extensions are made before those who
 * ask directories, so theirs are these.
 */
export class K8sIdentityExtension implements Component {
  readonly #config: K8sIdentityConfig;
  readonly #context: ComponentContext;
  readonly #server: IdentityServer | undefined;

  constructor(context: ComponentContext, config: K8sIdentityConfig) {
    this.#context = context;
    this.#config = config;
    const { telemetry, buffers, host, id } = context;
    const { sources, nodeName, gateway, kubelet, cri, containers, file, serve, snapshot } = config;
    const labels = { extension: id.text };
    const open = sourcesOpener({
      sources,
      nodeName,
      ...(kubelet === undefined ? {} : { kubelet }),
      ...(containers === undefined
        ? {}
        : {
            containers: {
              intervalMs: containers.intervalMs,
              connect: (own) => containerListers(containers, { telemetry: own, buffers, labels }),
            },
          }),
      ...(gateway === undefined
        ? {}
        : {
            gateway: {
              endpoint: gateway.client.endpoint,
              connect: (own) => new GatewayStream(gateway, { telemetry: own, buffers, labels }),
            },
          }),
      ...(file === undefined ? {} : { file }),
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(cri === undefined
        ? {}
        : {
            cri: {
              socket: cri.sockets.join(" or "),
              intervalMs: cri.intervalMs,
              connect: (own) => new CriSocket(cri.sockets, { telemetry: own, buffers, labels }),
            },
          }),
    });
    let isOurs = false;
    const hub = host.service(IDENTITY, () => {
      isOurs = true;
      return new IdentityHub({ telemetry, open, process: buffers });
    });
    if (!isOurs) throw new Error(`${id.text}: there is another k8s_identity; keep one of them`);
    if (serve !== undefined) this.#server = new IdentityServer(serve, hub, { telemetry, buffers, labels });
  }

  /** Where agents are served; undefined where they aren't. */
  get servesAt(): string | undefined {
    return this.#server?.address;
  }

  async start(): Promise<void> {
    const { logger } = this.#context.telemetry;
    const { sources, kubelet, gateway, nodeName } = this.#config;
    if (gateway?.tokenFile !== undefined && gateway.client.tls === undefined) {
      logger.warn("the token for the gateway goes over the network in plain text: use tls", {
        endpoint: gateway.client.endpoint,
      });
    }
    if (kubelet?.settings.insecureSkipVerify === true) logger.warn("the kubelet's certificate is not verified");
    if (sources.includes("cri") && !sources.includes("api") && !sources.includes("kubelet") && nodeName === "") {
      logger.warn("nobody says the node's name: set node, or K8S_NODE_NAME in the pod's env (fieldRef spec.nodeName)");
    }
    await this.#server?.start();
  }

  /** Directories end with those who use them. */
  async shutdown(deadline: AbortSignal): Promise<void> {
    await this.#server?.stop(deadline);
  }
}

async function containerListers(
  { containerd, docker }: NonNullable<K8sIdentityConfig["containers"]>,
  context: TransportContext,
): Promise<ContainerLister[]> {
  const { containerdContainers, dockerContainers } = await import("#kubernetes");
  const listers = docker.map(dockerContainers);
  if (containerd.length === 0) return listers;
  return [containerdContainers(new CriSocket(containerd, context), containerd.join(" or ")), ...listers];
}
