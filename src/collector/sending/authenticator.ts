import { hostKey, type HostKey } from "../component.ts";

/** What an authentication extension offers to clients. */
export interface ClientAuthenticator {
  /**
   * Headers to send with the next call, names in lower case; the same object as long as they don't change. Asked for
   * at every call, because credentials rotate. Throws where there is no credential; the message names no secret.
   */
  headers(): Readonly<Record<string, string>>;
}

/** Client authenticators of the process by their id as written in YAML. They enter themselves when they are made. */
export const clientAuthenticators: HostKey<Map<string, ClientAuthenticator>> = hostKey("client authenticators");
