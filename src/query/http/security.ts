import { isIP } from "node:net";

/** Names that only ever mean this machine. */
const LOCAL = /^(?:localhost|.*\.localhost|localhost\.localdomain|ip6-localhost|ip6-loopback)$/;

/** The policy of the page: its own files, nothing from elsewhere, in no frame of others. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/**
 * Whether a request may be meant for this server by the host it names. Against DNS rebinding, where a page of somebody
 * else makes its own name point here: such a page can't name an address, nor this machine, nor a name that was configured.
 *
 * @param host the header `Host`
 * @param allowed further names, in lower case; `*` allows all
 */
export function isHostAllowed(host: string | undefined, allowed: ReadonlySet<string>): boolean {
  if (allowed.has("*")) return true;
  const name = hostName(host ?? "");
  return name !== undefined && (isIP(name) !== 0 || LOCAL.test(name) || allowed.has(name));
}

/** The name without port and brackets, in lower case; undefined for what isn't one. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9._-]+))(?::\d{1,5})?$/.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, "");
}

/**
 * Whether a request was made by a page of somebody else. Browsers say so; what isn't a browser doesn't, and may.
 *
 * @param origin the header `Origin`
 * @param site the header `Sec-Fetch-Site`
 */
export function isForeignPage(host: string | undefined, origin: string | undefined, site: string | undefined): boolean {
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase();
}
