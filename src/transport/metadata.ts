import { headerField, type OutgoingField } from "./http2/index.ts";

// eslint-disable-next-line no-control-regex -- what RFC 9110 §5.5 lets into a value, as far as one octet a character goes
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * A header that somebody configured, or that a credential made: sent so that nobody on the way keeps it in a table.
 * @throws Error that names the header, not its value, where HTTP/2 can't carry it
 */
export function metadataField(givenName: string, value: string): OutgoingField {
  const name = givenName.toLowerCase();
  const { pseudo, malformed } = headerField(name, value);
  if (malformed || pseudo !== 0 || !VALUE.test(value)) throw new Error(`header ${givenName} can't be sent over HTTP/2`);
  return { name, value, secret: true };
}
