/** Gives clients a bearer token, also one that rotates in a file. */
import type { ExtensionFactory } from "#collector";
import { BearerTokenAuthExtension } from "./bearer-token-auth-extension.ts";
import { bearerTokenAuthConfig, type BearerTokenAuthConfig } from "./config.ts";

export const bearerTokenAuthExtensionFactory: ExtensionFactory<BearerTokenAuthConfig> = {
  kind: "extension",
  type: "bearertokenauth",
  aliases: ["bearer_token_auth"],
  stability: {},
  config: bearerTokenAuthConfig,
  create: (context, config) => new BearerTokenAuthExtension(context, config),
};
