import { PROFILES_DEVELOPMENT_VERSION_HEADER, type Payload } from "#otlp";
import type { ComponentContext } from "../component.ts";
import { clientAuthenticators, type ClientAuthenticator } from "./authenticator.ts";

type Headers = Readonly<Record<string, string>>;

const NONE: Headers = {};

/**
 * Headers that a call has beside those of its exporter's configuration: the credential, and for profiles the schema
 * that their sender named. Gives the same object as long as both stay the same.
 */
export class CallHeaders {
  readonly #authenticator: ClientAuthenticator | undefined;
  #credential: Headers = NONE;
  #version: string | undefined;
  #headers: Headers = NONE;

  /**
   * Looks the authenticator up, so call it when the exporter starts: extensions have been made by then.
   *
   * @param authenticator id of an extension as written in YAML; throws where there is none
   */
  constructor(context: ComponentContext, authenticator: string | undefined) {
    if (authenticator === undefined) return;
    this.#authenticator = context.host.service(clientAuthenticators, () => new Map()).get(authenticator);
    if (!this.#authenticator) {
      throw new Error(
        `exporter ${context.id.text}: auth::authenticator names ${authenticator}, ` +
          `which is not among the client authenticators of service::extensions`,
      );
    }
  }

  /** Headers for that payload's call. Throws where the authenticator has no credential. */
  of(payload: Payload): Headers {
    const credential = this.#authenticator?.headers() ?? NONE;
    const version = payload.signal === "profiles" ? payload.origin.profilesDevelopmentVersion : undefined;
    if (credential !== this.#credential || version !== this.#version) {
      this.#credential = credential;
      this.#version = version;
      this.#headers =
        version === undefined ? credential : { ...credential, [PROFILES_DEVELOPMENT_VERSION_HEADER]: version };
    }
    return this.#headers;
  }
}
