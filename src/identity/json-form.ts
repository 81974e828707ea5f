/** Reads parsed JSON of which the form is known; anything else is an error, for nobody but podflame writes it. */
/** Parsed JSON that isn't of the form that it should have. */
export class JsonFormError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "JsonFormError";
  }
}

/** A JSON object. @throws JsonFormError for anything else */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new JsonFormError("no JSON object");
  return value as Readonly<Record<string, unknown>>;
}

/** A JSON array. @throws JsonFormError for anything else */
export function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new JsonFormError("no array");
  return value;
}

/** A string. @throws JsonFormError for anything else */
export function text(value: unknown): string {
  if (typeof value !== "string") throw new JsonFormError("no string");
  return value;
}

/** A boolean. @throws JsonFormError for anything else */
export function flag(value: unknown): boolean {
  if (typeof value !== "boolean") throw new JsonFormError("neither true nor false");
  return value;
}

/** A number. @throws JsonFormError for anything else */
export function count(value: unknown): number {
  if (typeof value !== "number") throw new JsonFormError("no number");
  return value;
}
