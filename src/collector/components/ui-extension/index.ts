/**
 * Extension `ui`: the page and its API over a store. Start with `ui-extension.ts`.
 */
import type { ExtensionFactory } from "#collector";
import { uiConfig, type UiConfig } from "./config.ts";
import { UiExtension } from "./ui-extension.ts";

export const uiExtensionFactory: ExtensionFactory<UiConfig> = {
  kind: "extension",
  type: "ui",
  stability: {},
  config: uiConfig,
  create: (context, config) => new UiExtension(context, config),
};
