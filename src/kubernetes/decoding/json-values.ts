import type { StringTable } from "./string-table.ts";

/** A JSON object whose values can be anything. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads values out of parsed JSON. A value of a wrong type counts as absent, and is told. */
export class JsonValues {
  /** Whether some value since the last time this was set to false had a wrong type. */
  malformed = false;
  readonly #strings: StringTable;

  constructor(strings: StringTable) {
    this.#strings = strings;
  }

  object(value: unknown): JsonObject {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
    if (value !== undefined && value !== null) this.malformed = true;
    return {};
  }

  objects(value: unknown): readonly JsonObject[] {
    if (Array.isArray(value)) return value.map((entry) => this.object(entry));
    if (value !== undefined && value !== null) this.malformed = true;
    return [];
  }

  text(value: unknown): string {
    return this.#typed(value, "string", "");
  }

  /** Text that other objects are likely to have too. */
  shared(value: unknown): string {
    return this.#strings.internText(this.text(value));
  }

  flag(value: unknown): boolean {
    return this.#typed(value, "boolean", false);
  }

  count(value: unknown): number {
    return this.#typed(value, "number", 0);
  }

  /** A time as RFC 3339. */
  time(value: unknown): number {
    const text = this.text(value);
    if (text === "") return 0;
    const ms = Date.parse(text);
    if (Number.isFinite(ms)) return ms;
    this.malformed = true;
    return 0;
  }

  #typed<T extends string | number | boolean>(value: unknown, type: "string" | "number" | "boolean", absent: T): T {
    if (typeof value === type) return value as T;
    if (value !== undefined && value !== null) this.malformed = true;
    return absent;
  }
}
