/** Which pseudo-header a field is, as a bit so that sets of them are numbers. */
export const Pseudo = { METHOD: 1, SCHEME: 2, PATH: 4, AUTHORITY: 8, STATUS: 16 } as const;

/**
 * One header field as it came, judged once: a field of the peer's dynamic table is decoded and checked when it is
 * inserted, and is the same object in every block that names it.
 */
export interface HeaderField {
  readonly name: string;
  /** Octets as Latin-1 characters. */
  readonly value: string;
  /** Size as HPACK and SETTINGS_MAX_HEADER_LIST_SIZE count: octets of name and value, and 32 (RFC 7541 §4.1). */
  readonly size: number;
  /** A bit of `Pseudo`; 0 for a regular field. */
  readonly pseudo: number;
  /** Whether a message with this field is malformed (RFC 9113 §8.2). */
  readonly malformed: boolean;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// eslint-disable-next-line no-control-regex -- these are the ones that a value may not hold
const BAD_VALUE = /[\0\r\n]|^[\t ]|[\t ]$/;
const CONNECTION_SPECIFIC = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);
const PSEUDO: ReadonlyMap<string, number> = new Map([
  [":method", Pseudo.METHOD],
  [":scheme", Pseudo.SCHEME],
  [":path", Pseudo.PATH],
  [":authority", Pseudo.AUTHORITY],
  [":status", Pseudo.STATUS],
]);

/** Makes a field and judges it. */
export function headerField(name: string, value: string): HeaderField {
  const pseudo = name.charCodeAt(0) === 0x3a ? (PSEUDO.get(name) ?? 0) : 0;
  const malformed =
    (pseudo === 0 && !NAME.test(name)) ||
    BAD_VALUE.test(value) ||
    CONNECTION_SPECIFIC.has(name) ||
    (name === "te" && value !== "trailers");
  return { name, value, size: name.length + value.length + 32, pseudo, malformed };
}

/** The first field of that name. */
export function findHeader(fields: readonly HeaderField[], name: string): string | undefined {
  for (let at = 0; at < fields.length; at++) {
    if (fields[at]!.name === name) return fields[at]!.value;
  }
  return undefined;
}

/** All fields of that name, joined by ", "; undefined where there is none. */
export function joinHeader(fields: readonly HeaderField[], name: string): string | undefined {
  let joined: string | undefined;
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at]!;
    if (field.name === name) joined = joined === undefined ? field.value : `${joined}, ${field.value}`;
  }
  return joined;
}

/** Whether the fields are a well-formed request head (RFC 9113 §8.3.1; CONNECT is not one here). */
export function isRequestHead(fields: readonly HeaderField[]): boolean {
  return pseudoSet(fields) === (Pseudo.METHOD | Pseudo.SCHEME | Pseudo.PATH) && findHeader(fields, ":path") !== "";
}

/** Whether the fields are a well-formed response head (§8.3.2). */
export function isResponseHead(fields: readonly HeaderField[]): boolean {
  return pseudoSet(fields) === Pseudo.STATUS;
}

/** Whether the fields are well-formed trailers (§8.1): no pseudo-header. */
export function isTrailers(fields: readonly HeaderField[]): boolean {
  return pseudoSet(fields) === 0;
}

/** The pseudo-headers there, without `:authority`; -1 where a field is malformed, repeated, or behind a regular one. */
function pseudoSet(fields: readonly HeaderField[]): number {
  let seen = 0;
  let regular = false;
  for (let at = 0; at < fields.length; at++) {
    const { pseudo, malformed } = fields[at]!;
    if (malformed) return -1;
    if (pseudo === 0) regular = true;
    else if (regular || (seen & pseudo) !== 0) return -1;
    else seen |= pseudo;
  }
  // Only requests have an authority, and they may also do without.
  return (seen & Pseudo.STATUS) === 0 && seen !== Pseudo.AUTHORITY ? seen & ~Pseudo.AUTHORITY : seen;
}
