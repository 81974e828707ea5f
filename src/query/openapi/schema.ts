/** The part of JSON Schema that the API's answers need. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly description?: string;
  readonly enum?: readonly (string | number)[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: string | number | boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | false;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
}

export const text = (description = ""): Schema => ({ type: "string", ...described(description) });
export const number = (description = ""): Schema => ({ type: "number", ...described(description) });
export const integer = (description = ""): Schema => ({ type: "integer", ...described(description) });
export const flag = (description = ""): Schema => ({ type: "boolean", ...described(description) });
export const oneOf = (values: readonly string[], description = ""): Schema => ({
  type: "string",
  enum: values,
  ...described(description),
});
export const list = (items: Schema, description = ""): Schema => ({ type: "array", items, ...described(description) });
export const named = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const counts = (description: string): Schema => ({
  type: "object",
  additionalProperties: { type: "number" },
  description,
});

/** An object of which these are all properties; `optional` may be absent. */
export function object(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema {
  return {
    type: "object",
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}

function described(description: string): { readonly description?: string } {
  return description === "" ? {} : { description };
}
