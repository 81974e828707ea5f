import type { Schema } from "../openapi/schema.ts";

/** What is wrong with a value by a schema: paths with what is expected there. */
export function violations(
  value: unknown,
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  path = "$",
): readonly string[] {
  if (schema.$ref !== undefined) {
    const target = schemas[schema.$ref.slice("#/components/schemas/".length)];
    return target ? violations(value, target, schemas, path) : [`${path}: no schema ${schema.$ref}`];
  }
  const found: string[] = [];
  if (schema.enum && !schema.enum.some((allowed) => allowed === value))
    found.push(`${path}: not one of ${schema.enum.join()}`);
  if (schema.type !== undefined && !isOfType(value, schema.type)) return [...found, `${path}: no ${schema.type}`];
  if (schema.type === "array") {
    for (const [at, item] of (value as unknown[]).entries()) {
      found.push(...violations(item, schema.items ?? {}, schemas, `${path}[${at}]`));
    }
  }
  if (schema.type === "object") {
    const { properties = {}, required = [], additionalProperties } = schema;
    for (const name of required) if (!(name in (value as object))) found.push(`${path}.${name}: missing`);
    for (const [name, own] of Object.entries(value as object)) {
      const inner = properties[name] ?? additionalProperties;
      if (inner === false) found.push(`${path}.${name}: not described`);
      else if (inner) found.push(...violations(own, inner, schemas, `${path}.${name}`));
    }
  }
  return found;
}

function isOfType(value: unknown, type: NonNullable<Schema["type"]>): boolean {
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  // NaN and infinite numbers become null on the way.
  return typeof value === type;
}
