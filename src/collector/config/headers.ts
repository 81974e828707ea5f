/** Headers in configurations: a map, or configopaque's list of name and value. */
import type { Secret } from "../errors.ts";
import * as v from "valibot";
import { typedValue } from "./expanded-value.ts";
import { type Field, list, mapped, checked, record, secret, section, shown, string } from "./fields.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Headers by lower-case name; values are credentials for all we know. */
export function headerFields(): Field<Readonly<Record<string, Secret>>> {
  const pairs = mapped(list(section({ name: string(), value: secret() })), (items) =>
    Object.fromEntries(items.map(({ name, value }) => [name, value])),
  );
  const either = v.lazy((input): Field<Record<string, Secret>> => {
    return Array.isArray(typedValue(input)) ? pairs : record(secret());
  });
  return mapped(
    checked(either, (headers) => Object.entries(headers).flatMap(([name, value]) => headerProblems(name, value))),
    (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  );
}

function headerProblems(name: string, value: Secret): { path: string[]; message: string }[] {
  if (!TOKEN.test(name)) return [{ path: [name], message: `${shown(name)} can't be the name of a header` }];
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value.reveal())) {
    return [{ path: [name], message: "the value holds characters that a header can't carry (line breaks?)" }];
  }
  return [];
}
