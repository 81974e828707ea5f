/** Says where podflame learns who is who: API server, kubelet, container runtime, file. */
import type { ExtensionFactory } from "#collector";
import { k8sIdentityConfig, type K8sIdentityConfig } from "./config.ts";
import { K8sIdentityExtension } from "./k8s-identity-extension.ts";

export type { K8sIdentityConfig } from "./config.ts";

export const k8sIdentityExtensionFactory: ExtensionFactory<K8sIdentityConfig> = {
  kind: "extension",
  type: "k8s_identity",
  stability: {},
  config: k8sIdentityConfig,
  create: (context, config) => new K8sIdentityExtension(context, config),
};
