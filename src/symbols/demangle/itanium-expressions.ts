import { fail } from "./budget.ts";
import type { Cursor } from "./cursor.ts";
import { type Node, sequence, text } from "./itanium-nodes.ts";
import { BUILTIN_TYPES, LITERAL_SUFFIXES, OPERATORS } from "./itanium-tables.ts";

/** What expressions need of the parser around them. */
export interface ExpressionContext {
  readonly cursor: Cursor;
  type(): Node;
  encoding(): Node;
  expression(): Node;
  sourceName(): Node;
  operatorName(): Node;
  templateParameter(): Node;
  templateArgument(): Node;
  templateArgumentList(): Node[];
}

/** Reads an expression: sizes of arrays, `decltype`, arguments of templates. Rare in names of functions. */
export function readExpression(context: ExpressionContext): Node {
  const { cursor } = context;
  const isGlobal = cursor.take("gs");
  const next = cursor.peek();
  if (next === "L") return readLiteral(context);
  if (next === "T") return context.templateParameter();
  if (next === "f" && /[pL]/.test(cursor.peek(1))) return functionParameter(context);
  if (next === "f" && /[lr]/.test(cursor.peek(1))) return fold(context);
  if (next === "f" && /[LR]/.test(cursor.peek(1))) return fold(context);
  if (cursor.isDigit()) return unresolvedName(context);
  const code = next + cursor.peek(1);
  cursor.at += 2;
  switch (code) {
    case "on":
      return withArguments(context, context.operatorName());
    case "dn":
      return sequence("~", cursor.isDigit() ? withArguments(context, context.sourceName()) : context.type());
    case "sr":
      return scopeResolution(context);
    case "sZ":
      if (cursor.peek() === "T") return { kind: "packSize", of: context.templateParameter() };
      return sequence("sizeof...(", functionParameter(context), ")");
    case "sP":
      return sequence("sizeof...(", list(until(cursor, "E", () => context.templateArgument())), ")");
    case "st":
      return sequence("sizeof (", context.type(), ")");
    case "sz":
      return sequence("sizeof (", context.expression(), ")");
    case "at":
      return sequence("alignof (", context.type(), ")");
    case "az":
      return sequence("alignof (", context.expression(), ")");
    case "ti":
      return sequence("typeid (", context.type(), ")");
    case "te":
      return sequence("typeid (", context.expression(), ")");
    case "nx":
      return sequence("noexcept(", context.expression(), ")");
    case "tr":
      return text("throw");
    case "tw":
      return sequence("throw ", context.expression());
    case "sp":
      return { kind: "expansion", pattern: context.expression() };
    case "cl": {
      const called = context.expression();
      return sequence(operand(called), "(", list(until(cursor, "E", () => context.expression())), ")");
    }
    case "cv": {
      const type = context.type();
      const args = cursor.take("_") ? until(cursor, "E", () => context.expression()) : [context.expression()];
      return sequence("(", type, ")(", list(args), ")");
    }
    case "dc":
    case "sc":
    case "cc":
    case "rc": {
      const type = context.type();
      return sequence(`${CASTS[code]}<`, type, ">(", context.expression(), ")");
    }
    case "il":
      return sequence("{", list(until(cursor, "E", () => context.expression())), "}");
    case "tl":
      return sequence(context.type(), "{", list(until(cursor, "E", () => context.expression())), "}");
    case "di":
      return sequence(".", context.sourceName(), "=", context.expression());
    case "dt":
      return sequence(operand(context.expression()), ".", context.expression());
    case "pt":
      return sequence(operand(context.expression()), "->", context.expression());
    case "ix": {
      const array = context.expression();
      return sequence(operand(array), "[", context.expression(), "]");
    }
    case "nw":
    case "na":
      return creation(context, `${isGlobal ? "::" : ""}new`);
    case "pp":
    case "mm": {
      const sign = OPERATORS.get(code)?.[0] ?? fail();
      if (cursor.take("_")) return sequence(sign, operand(context.expression()));
      return sequence(operand(context.expression()), sign);
    }
    default:
      return operation(context, code);
  }
}

const CASTS = { dc: "dynamic_cast", sc: "static_cast", cc: "const_cast", rc: "reinterpret_cast" } as const;

function operation(context: ExpressionContext, code: string): Node {
  const [sign, operands] = OPERATORS.get(code) ?? fail();
  switch (operands) {
    case 1: {
      const argument = context.expression();
      if (code === "ad" && isPlainMember(argument)) return sequence(sign, argument.name);
      return sequence(sign, operand(argument));
    }
    case 2: {
      const left = context.expression();
      const right = context.expression();
      const binary = sequence(operand(left), sign, operand(right));
      // Otherwise it would end the list of template arguments.
      return code === "gt" ? sequence("(", binary, ")") : binary;
    }
    case 3: {
      const condition = context.expression();
      const then = context.expression();
      return sequence(operand(condition), "?", operand(then), " : ", operand(context.expression()));
    }
    default:
      return fail();
  }
}

/** Functions whose address c++filt writes without their parameters. */
function isPlainMember(node: Node): node is Node & { kind: "encoding" } {
  return node.kind === "encoding" && node.name.kind === "member" && !node.returns && node.qualifiers === "";
}

/** Parentheses around everything but names. */
function operand(node: Node): Node {
  return node.kind === "text" || node.kind === "member" ? node : sequence("(", node, ")");
}

function list(items: readonly Node[]): Node {
  return { kind: "list", items };
}

function until(cursor: Cursor, end: string, read: () => Node): Node[] {
  const items: Node[] = [];
  while (!cursor.take(end)) items.push(read());
  return items;
}

/** `fp` or `fL`: a parameter of the function whose type is being read. */
function functionParameter({ cursor }: ExpressionContext): Node {
  if (cursor.take("fpT")) return text("this");
  if (cursor.take("fL")) {
    cursor.number();
    cursor.expect("p");
  } else cursor.expect("fp");
  while (/[rVK]/.test(cursor.peek())) cursor.at++;
  return text(`{parm#${cursor.sequence(10) + 1}}`);
}

function fold(context: ExpressionContext): Node {
  const { cursor } = context;
  cursor.at++;
  const direction = cursor.next();
  const [sign] = OPERATORS.get(cursor.next() + cursor.next()) ?? fail();
  const first = operand(context.expression());
  switch (direction) {
    case "l":
      return sequence("(...", sign, first, ")");
    case "r":
      return sequence("(", first, sign, "...)");
    default:
      return sequence("(", first, sign, "...", sign, operand(context.expression()), ")");
  }
}

function creation(context: ExpressionContext, word: string): Node {
  const { cursor } = context;
  const placement = until(cursor, "_", () => context.expression());
  const type = context.type();
  const head = placement.length > 0 ? sequence(word, " (", list(placement), ") ", type) : sequence(word, " ", type);
  if (cursor.take("E")) return head;
  cursor.expect("pi");
  return sequence(head, "(", list(until(cursor, "E", () => context.expression())), ")");
}

function withArguments(context: ExpressionContext, name: Node): Node {
  return context.cursor.peek() === "I" ? { kind: "template", name, args: context.templateArgumentList() } : name;
}

function unresolvedName(context: ExpressionContext): Node {
  return withArguments(context, context.sourceName());
}

/** `sr`: a member of something that depends on template arguments. */
function scopeResolution(context: ExpressionContext): Node {
  const { cursor } = context;
  let scope: Node;
  if (cursor.take("N")) {
    scope = withArguments(context, context.type());
    while (!cursor.take("E")) scope = { kind: "member", scope, member: unresolvedName(context) };
  } else if (cursor.isDigit()) {
    const [first, ...others] = until(cursor, "E", () => unresolvedName(context));
    scope = others.reduce<Node>((outer, member) => ({ kind: "member", scope: outer, member }), first ?? fail());
  } else scope = withArguments(context, context.type());

  let member: Node;
  if (cursor.take("on")) member = withArguments(context, context.operatorName());
  else if (cursor.take("dn")) member = sequence("~", unresolvedName(context));
  else member = unresolvedName(context);
  return { kind: "member", scope, member };
}

/** `L`…`E`: a number, a truth value, or the address of something that has a name of its own. */
export function readLiteral(context: ExpressionContext): Node {
  const { cursor } = context;
  cursor.expect("L");
  if (cursor.take("_Z") || cursor.take("Z")) {
    const entity = context.encoding();
    cursor.expect("E");
    return entity;
  }
  const code = cursor.peek();
  const type = context.type();
  const value = /n?[0-9a-f]*(?:_[0-9a-f]+)?/y;
  value.lastIndex = cursor.at;
  const digits = value.exec(cursor.text)?.[0] ?? "";
  cursor.at += digits.length;
  cursor.expect("E");
  const number = digits.replace(/^n/, "-");
  if (code === "b" && (number === "0" || number === "1")) return text(number === "1" ? "true" : "false");
  const suffix = BUILTIN_TYPES.has(code) ? LITERAL_SUFFIXES.get(code) : undefined;
  if (suffix !== undefined) return text(number + suffix);
  if (number === "") return type;
  if (/^[fdeg]$/.test(code)) return sequence("(", type, `)[${number}]`);
  return sequence("(", type, `)${number}`);
}
