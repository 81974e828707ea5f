/**
 * The words in which components describe their configuration: valibot schemas that know what the Collector's YAML
 * knows (expanded variables, Go durations, `null` for "not given") and whose errors name value and remedy. valibot and
 * not zod because it costs 2 MiB of resident memory instead of 10 (docs/decisions/0003-configuration-schema.md).
 */
import * as v from "valibot";
import { Secret } from "../errors.ts";
import type { ConfigDefinition, ConfigIssue } from "../component.ts";
import { parseDurationMs } from "./duration.ts";
import { ExpandedValue, typedValue } from "./expanded-value.ts";

/** A schema over anything that gives `T`. */
export type Field<T> = v.GenericSchema<unknown, T>;

/** Reads one value; throws `FieldProblem` with a message for the user. */
function field<T>(read: (input: unknown) => T): Field<T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): T => {
      try {
        return read(dataset.value);
      } catch (error) {
        if (!(error instanceof FieldProblem)) throw error;
        addIssue({ message: error.message });
        return NEVER;
      }
    }),
  );
}

/** Thrown inside a reading function: what is wrong with the value, and the remedy. */
export class FieldProblem extends Error {}

/** Shows a value in an error; cut short, for it may be anything, and without the password of a URL. */
export function shown(input: unknown): string {
  const value = input instanceof ExpandedValue ? input.text : input;
  const text = withoutPasswords(JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Hides the passwords of URLs in a text: `https://me:[REDACTED]@host`. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^/@:\s"]*):[^/@\s"]*@/gi, "$1:[REDACTED]@");
}

function asText(input: unknown, wanted: string): string {
  if (input instanceof ExpandedValue) return input.text;
  if (typeof input === "string") return input;
  throw unexpected(input, wanted, quoteHint(input));
}

/** What to say where `wanted` was expected: that something else stands there, or nothing at all. */
function unexpected(input: unknown, wanted: string, hint = ""): FieldProblem {
  const missing = input === undefined || input === null;
  return new FieldProblem(
    missing ? `is missing: expected ${wanted}` : `expected ${wanted}, got ${shown(input)}${hint}`,
  );
}

function quoteHint(input: unknown): string {
  return typeof input === "number" || typeof input === "boolean" ? `; put it in quotes` : "";
}

/** A string, checked further by `check`, which throws `FieldProblem`. */
export function string(check?: (text: string) => void): Field<string> {
  return field((input) => {
    const text = asText(input, "a string");
    check?.(text);
    return text;
  });
}

/** A string that must not be empty; `what` says what to give instead, e.g. `the path of a token`. */
export function notEmpty(what: string): Field<string> {
  return string((text) => {
    if (text === "") throw new FieldProblem(`is empty: give ${what}`);
  });
}

/** A string that is a credential. No error shows it. */
export function secret(): Field<Secret> {
  return field((input) => {
    if (typedValue(input) !== null && typeof typedValue(input) === "object") {
      throw new FieldProblem("expected a string");
    }
    if (typeof input === "number" || typeof input === "boolean") {
      throw new FieldProblem(`expected a string, got a ${typeof input}; put it in quotes`);
    }
    const text = asText(input, "a string");
    secretsRead?.add(text);
    return new Secret(text);
  });
}

/** The texts that `secret` fields read while `collectSecrets` runs. */
let secretsRead: Set<string> | undefined;

/** Runs `read` and tells which texts its `secret` fields took, so that they can be hidden where YAML is shown. */
export function collectSecrets(read: () => void): ReadonlySet<string> {
  const outer = secretsRead;
  const collected = (secretsRead = new Set<string>());
  try {
    read();
  } finally {
    secretsRead = outer;
  }
  return collected;
}

/** A string converted by `convert`, which throws `FieldProblem`. */
export function parsed<T>(convert: (text: string) => T): Field<T> {
  return field((input) => convert(asText(input, "a string")));
}

/** One of the given words. */
export function oneOf<const W extends string>(words: readonly W[]): Field<W> {
  return field((input) => {
    const text = asText(input, `one of ${words.join(", ")}`);
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new FieldProblem(`expected one of ${words.join(", ")}, got ${shown(text)}`);
    return word;
  });
}

/** One of the given words, where YAML reads some as numbers: `1.10` comes as 1.1 and is the word again. */
export function oneOfReleases<const W extends string>(words: readonly W[]): Field<W> {
  const word = oneOf(words);
  return v.pipe(
    v.unknown(),
    v.transform((input) =>
      typeof input === "number" ? (words.find((one) => Number(one) === input) ?? String(input)) : input,
    ),
    word,
  );
}

export function boolean(): Field<boolean> {
  return field((input) => {
    const value = typedValue(input);
    if (typeof value !== "boolean") throw unexpected(input, "true or false");
    return value;
  });
}

/** A number within bounds, both inclusive. */
export function number(bounds: { readonly min?: number; readonly max?: number } = {}): Field<number> {
  return field((input) => {
    const value = typedValue(input);
    if (typeof value !== "number" || !Number.isFinite(value)) throw unexpected(input, "a number");
    checkBounds(value, bounds, String);
    return value;
  });
}

/** A whole number within bounds, both inclusive. */
export function integer(bounds: { readonly min?: number; readonly max?: number } = {}): Field<number> {
  return field((input) => {
    const value = typedValue(input);
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw unexpected(input, "a whole number");
    checkBounds(value, bounds, String);
    return value;
  });
}

/** A duration as Go writes it (`5s`, `1m30s`), in milliseconds; a bare number means nanoseconds, as in Go. */
export function durationMs(bounds: { readonly min?: number; readonly max?: number } = {}): Field<number> {
  return field((input) => {
    const value = typedValue(input);
    const ms = typeof value === "number" ? value / 1e6 : parseDurationMs(asText(input, 'a duration such as "5s"'));
    if (ms === undefined) {
      throw new FieldProblem(`expected a duration such as "300ms", "5s" or "1h30m", got ${shown(input)}`);
    }
    checkBounds(ms, bounds, (bound) => `${bound}ms`);
    return ms;
  });
}

function checkBounds(
  value: number,
  { min, max }: { readonly min?: number; readonly max?: number },
  show: (bound: number) => string,
): void {
  if (min !== undefined && value < min) throw new FieldProblem(`must be at least ${show(min)}, got ${show(value)}`);
  if (max !== undefined && value > max) throw new FieldProblem(`must be at most ${show(max)}, got ${show(value)}`);
}

/** A list; `null` counts as not given and belongs into `optional`. */
export function list<T>(of: Field<T>): Field<T[]> {
  return v.pipe(
    field((input) => {
      const value = typedValue(input);
      if (value === undefined || value === null) throw new FieldProblem("is missing: expected a list");
      if (!Array.isArray(value)) throw unexpected(input, "a list");
      return value as unknown[];
    }),
    v.array(of),
  );
}

/** A map with keys of the user's choice. */
export function record<T>(of: Field<T>): Field<Record<string, T>> {
  return v.pipe(
    field((input) => plainObject(input)),
    v.record(v.string(), of),
  );
}

/** A map of opaque values, for `configOf` and other second readings. */
export function anything(): Field<unknown> {
  return v.unknown();
}

/**
 * Absent or `null` gives `fallback`. So does a variable that isn't set, unless the field takes the empty string, as in
 * the Collector.
 */
export function optional<T>(of: Field<T>, fallback: T): Field<T>;
export function optional<T>(of: Field<T>): Field<T | undefined>;
export function optional<T>(of: Field<T>, fallback?: T): Field<T | undefined> {
  // A default given to valibot would be read by the schema; ours is a result already.
  return v.pipe(
    v.unknown(),
    v.transform((input) => (input instanceof ExpandedValue && input.value === null && !v.is(of, input) ? null : input)),
    v.nullish(of as v.GenericSchema<unknown, T>),
    v.transform((value): T | undefined => value ?? fallback),
  ) as Field<T | undefined>;
}

/**
 * A section whose mere presence means something, as the Collector's optional protocols: absent gives undefined,
 * `null` or `{}` give the section with its defaults.
 */
export function presence<T>(of: Field<T>): Field<T | undefined> {
  return v.optional(
    v.pipe(
      v.unknown(),
      v.transform((input) => typedValue(input) ?? {}),
      of,
    ),
  ) as Field<T | undefined>;
}

type Entries = Readonly<Record<string, Field<unknown>>>;
type Output<E extends Entries> = { [K in keyof E]: E[K] extends Field<infer T> ? T : never };

/** What a section with these entries reads; for entries that several components share (servers.ts, clients.ts). */
export type SectionOutput<E extends Entries> = Output<E>;

/**
 * A map with known keys. Every unknown key is a problem that names the nearest known one; `removed` explains keys that
 * once existed. Write all entries with `optional` unless they are mandatory.
 */
export function section<E extends Entries>(
  entries: E,
  removed: Readonly<Record<string, string>> = {},
): Field<Output<E>> {
  const known = Object.keys(entries);
  return v.pipe(
    // Absent keys are given as undefined: valibot doesn't run the schema of a key that isn't there.
    field((input) => ({ ...Object.fromEntries(known.map((key) => [key, undefined])), ...plainObject(input) })),
    v.looseObject(entries as unknown as Record<string, v.GenericSchema<unknown, unknown>>),
    v.rawCheck(({ dataset, addIssue }) => {
      for (const key of Object.keys(dataset.value ?? {})) {
        if (known.includes(key)) continue;
        const value = (dataset.value as Record<string, unknown>)[key];
        addIssue({
          message: removed[key] ?? unknownKeyMessage(key, known),
          path: [{ type: "object", origin: "key", input: dataset.value as Record<string, unknown>, key, value }],
        });
      }
    }),
    v.transform((value) => value as Output<E>),
  ) as Field<Output<E>>;
}

function plainObject(input: unknown): Record<string, unknown> {
  const value = typedValue(input);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw unexpected(input, "a map of keys and values");
  }
  return value as Record<string, unknown>;
}

/** Adds a check over a whole section: return the problem's path and message for each. */
export function checked<T>(of: Field<T>, check: (value: T) => readonly ConfigIssue[]): Field<T> {
  return v.pipe(
    of,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      for (const issue of check(dataset.value)) {
        addIssue({
          message: issue.message,
          path: issue.path.map((key) => ({
            type: "unknown",
            origin: "value",
            input: undefined,
            key,
            value: undefined,
          })) as unknown as [v.IssuePathItem],
        });
      }
    }),
  ) as Field<T>;
}

/** Converts a section that has been read, e.g. to camelCase settings. */
export function mapped<T, U>(of: Field<T>, convert: (value: T) => U): Field<U> {
  return v.pipe(of, v.transform(convert)) as Field<U>;
}

/** Message for an unknown key, with the nearest of `known` if one is near. */
export function unknownKeyMessage(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  const hint = near === undefined ? `known here: ${known.join(", ") || "nothing"}` : `did you mean "${near}"?`;
  return `unknown key "${key}"; ${hint}`;
}

/** The candidate with the smallest edit distance, if it's small for the word's length. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance with early end above `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substituted, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** Makes a component's (or a section's) reading function out of its schema. */
export function defineConfig<C>(schema: Field<C>): ConfigDefinition<C> {
  return {
    parse(input) {
      const result = v.safeParse(schema, input ?? {});
      if (result.success) return { config: result.output };
      return {
        problems: result.issues.map((issue) => ({
          path: (issue.path ?? []).map((item) => item.key as string | number),
          message: issue.message,
        })),
      };
    },
  };
}
