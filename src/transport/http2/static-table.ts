import { type HeaderField, headerField } from "./header-field.ts";

/** RFC 7541 Appendix A, from index 1; a name alone has an empty value. */
const TEXT = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

/** The static table; index 1 of HPACK is at 0. */
export const STATIC_TABLE: readonly HeaderField[] = TEXT.split("\n").map((line) => {
  const [name = "", ...value] = line.split(" ");
  return headerField(name, value.join(" "));
});

/** Static index by name, the first of each, and by name and value as `name\0value`. */
export const STATIC_INDEX: ReadonlyMap<string, number> = new Map(
  STATIC_TABLE.flatMap(({ name, value }, at): [string, number][] => [
    [`${name}\0${value}`, at + 1],
    [name, STATIC_TABLE.findIndex((other) => other.name === name) + 1],
  ]),
);
