import { type Component, type ComponentContext, hostKey } from "#collector";
import { IdentityHub, sourcesOpener } from "#identity";
import type { K8sIdentityConfig } from "./config.ts";
import { CriSocket } from "./cri-connection.ts";

/** The process's directories of pods, as those who ask them know them. */
const IDENTITY = hostKey<IdentityHub>("identity");

/**
 * Has the process's directories of pods fed from the sources of its configuration. Extensions are made before those who
 * ask directories, so theirs are these.
 */
export class K8sIdentityExtension implements Component {
  readonly #config: K8sIdentityConfig;
  readonly #context: ComponentContext;

  constructor(context: ComponentContext, config: K8sIdentityConfig) {
    this.#context = context;
    this.#config = config;
    const { telemetry, buffers, host, id } = context;
    const { sources, nodeName, kubelet, cri, file, snapshot } = config;
    const open = sourcesOpener({
      sources,
      nodeName,
      ...(kubelet === undefined ? {} : { kubelet }),
      ...(file === undefined ? {} : { file }),
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(cri === undefined
        ? {}
        : {
            cri: {
              socket: cri.sockets.join(" or "),
              intervalMs: cri.intervalMs,
              connect: (own) => new CriSocket(cri.sockets, { telemetry: own, buffers, labels: { extension: id.text } }),
            },
          }),
    });
    let isOurs = false;
    host.service(IDENTITY, () => {
      isOurs = true;
      return new IdentityHub({ telemetry, open });
    });
    if (!isOurs) throw new Error(`${id.text}: there is another k8s_identity; keep one of them`);
  }

  start(): Promise<void> {
    const { logger } = this.#context.telemetry;
    const { sources, kubelet, nodeName } = this.#config;
    if (kubelet?.settings.insecureSkipVerify === true) logger.warn("the kubelet's certificate is not verified");
    if (sources.includes("cri") && !sources.includes("api") && !sources.includes("kubelet") && nodeName === "") {
      logger.warn("nobody says the node's name: set node, or K8S_NODE_NAME in the pod's env (fieldRef spec.nodeName)");
    }
    return Promise.resolve();
  }

  /** Directories end with those who use them. */
  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}
