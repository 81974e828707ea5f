import type { AttributeValue } from "#otlp";
import {
  anything,
  checked,
  type ConfigIssue,
  defineConfig,
  type Field,
  FieldProblem,
  list,
  mapped,
  optional,
  parsed,
  section,
  shown,
  string,
  typedValue,
} from "#collector";

const ACTIONS = ["insert", "update", "upsert", "delete"] as const;

/** One step on the attributes of a resource; steps run in their order. */
export type ResourceAction =
  | { readonly action: "delete"; readonly key: string }
  | {
      /** `insert` where the key is absent, `update` where it is present, `upsert` in both cases. */
      readonly action: "insert" | "update" | "upsert";
      readonly key: string;
      readonly source: ValueSource;
    };

/** Where a value comes from. A step whose attribute is absent does nothing. */
export type ValueSource = { readonly value: AttributeValue } | { readonly fromAttribute: string };

export interface ResourceProcessorConfig {
  readonly actions: readonly ResourceAction[];
}

const notYet = (key: string): string => `"${key}" is not supported yet; use key with value or from_attribute`;

const ACTION_KEYS = {
  key: string((key) => {
    if (key === "") throw new FieldProblem("must not be empty");
  }),
  value: optional(attributeValue()),
  from_attribute: optional(string()),
  action: parsed(actionWord),
};

const ACTION = mapped(
  checked(
    section(ACTION_KEYS, {
      from_context: notYet("from_context"),
      pattern: notYet("pattern"),
      converted_type: notYet("converted_type"),
    }),
    (read) => sourceProblems(read.action, read.value !== undefined, read.from_attribute !== undefined),
  ),
  ({ action, key, value, from_attribute: fromAttribute }): ResourceAction => {
    if (action === "delete") return { action, key };
    return { action, key, source: fromAttribute === undefined ? { value } : { fromAttribute } };
  },
);

export const resourceProcessorConfig = defineConfig<ResourceProcessorConfig>(
  mapped(
    section({
      attributes: mapped(
        checked(list(ACTION), (actions) =>
          actions.length === 0 ? [{ path: [], message: "must hold at least one action" }] : [],
        ),
        (actions) => actions,
      ),
    }),
    (read) => ({ actions: read.attributes }),
  ),
);

function actionWord(text: string): (typeof ACTIONS)[number] {
  const word = ACTIONS.find((action) => action === text.toLowerCase());
  if (word) return word;
  const known = ["hash", "extract", "convert"].includes(text.toLowerCase());
  throw new FieldProblem(
    known
      ? `${shown(text)} is not supported yet; ${ACTIONS.join(", ")} are`
      : `expected one of ${ACTIONS.join(", ")}, got ${shown(text)}`,
  );
}

function sourceProblems(action: string, hasValue: boolean, hasAttribute: boolean): ConfigIssue[] {
  const given = Number(hasValue) + Number(hasAttribute);
  if (action === "delete") {
    return given === 0 ? [] : [{ path: ["action"], message: "delete takes neither value nor from_attribute" }];
  }
  if (given === 1) return [];
  const message = given === 0 ? "is missing" : "and from_attribute exclude each other";
  return [{ path: ["value"], message: `${message}: ${action} takes exactly one of value and from_attribute` }];
}

/** Texts, truth values, numbers (whole ones become OTLP ints, others doubles) and lists of them. */
function attributeValue(): Field<AttributeValue> {
  return mapped(checked(anything(), valueProblems), attributeValueOf);
}

function valueProblems(input: unknown): ConfigIssue[] {
  const value = typedValue(input);
  if (Array.isArray(value)) return value.flatMap((inner) => valueProblems(inner));
  if (value === null || value === undefined || ["string", "boolean", "bigint", "number"].includes(typeof value))
    return [];
  return [{ path: [], message: `expected a text, a number, true, false or a list of these, got ${shown(input)}` }];
}

function attributeValueOf(input: unknown): AttributeValue {
  const value = typedValue(input);
  if (Array.isArray(value)) return value.map((inner) => attributeValueOf(inner));
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof value === "string" || typeof value === "boolean" || typeof value === "bigint" ? value : undefined;
}
