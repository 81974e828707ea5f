import {
  checked,
  defineConfig,
  FieldProblem,
  mapped,
  optional,
  secret,
  section,
  type Secret,
  shown,
  string,
} from "#collector";

/** Where a bearer token comes from and how it is sent. */
export interface BearerTokenAuthConfig {
  /** The token itself, or the file that holds it. */
  readonly source: { readonly token: Secret } | { readonly filename: string };
  /** What stands before the token; empty for the token alone. */
  readonly scheme: string;
  /** Lower-case name. */
  readonly header: string;
}

/** Tokens of RFC 9110, 5.6.2: what header names and schemes are made of. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const entries = {
  token: optional(secret()),
  filename: optional(string()),
  scheme: optional(
    string((text) => {
      if (text !== "" && !TOKEN.test(text))
        throw new FieldProblem(`expected a scheme such as "Bearer", got ${shown(text)}`);
    }),
    "Bearer",
  ),
  header: optional(
    string((text) => {
      if (!TOKEN.test(text)) throw new FieldProblem(`expected the name of a header, got ${shown(text)}`);
    }),
    "Authorization",
  ),
};

export const bearerTokenAuthConfig = defineConfig<BearerTokenAuthConfig>(
  mapped(
    checked(
      section(entries, { tokens: `"tokens" is for receivers, whose authentication is not supported yet` }),
      (read) => {
        if (!read.token && !read.filename) return [{ path: ["token"], message: "is missing: give token or filename" }];
        if (read.token && !read.filename && !isHeaderValue(read.token.reveal())) {
          return [{ path: ["token"], message: "is empty or holds characters that no header can carry" }];
        }
        return [];
      },
    ),
    // The file wins, as upstream.
    ({ token, filename, scheme, header }) => ({
      source: filename ? { filename } : { token: token! },
      scheme,
      header: header.toLowerCase(),
    }),
  ),
);

/** Whether a token can stand in a header: visible ASCII, at least one. */
export function isHeaderValue(token: string): boolean {
  return /^[\x20-\x7e]+$/.test(token);
}
