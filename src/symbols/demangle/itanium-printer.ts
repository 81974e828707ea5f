import { type Budget, fail } from "./budget.ts";
import type { Node } from "./itanium-nodes.ts";

/** Longer than what anyone reads. Names of node reach 14,372 characters. */
const MAX_OUTPUT = 16_384;

/** The function being written: what its template parameters stand for, and in whose terms. */
interface Scope {
  readonly args: readonly Node[];
  readonly outer: Scope | undefined;
}

/**
 * Writes a tree the way C++ declares things: a type stands around its declarator, so each node has a left and a right
 * part, of which most have only the left. Spacing follows `c++filt`.
 */
export class ItaniumPrinter {
  readonly #budget: Budget;
  #out = "";
  #scope: Scope | undefined;
  #isInLambda = false;
  /** The expansion being written: which element, and how many there are; undefined until a pack is met. */
  #expansion: { element: number; count: number | undefined } | undefined;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  toText(node: Node): string {
    this.#print(node);
    return this.#out;
  }

  #print(node: Node): void {
    this.#left(node);
    this.#right(node);
  }

  #write(text: string): void {
    this.#out += text;
    if (this.#out.length > MAX_OUTPUT) fail();
  }

  #left(node: Node): void {
    this.#budget.within(() => {
      switch (node.kind) {
        case "text":
        case "standard":
          return this.#write(node.text);
        case "sequence":
          for (const part of node.parts) {
            if (typeof part === "string") this.#write(part);
            else this.#print(part);
          }
          return;
        case "list":
          return this.#list(node.items);
        case "member":
          if (node.member.kind === "structor" && node.scope.kind === "standard") this.#write(node.scope.full);
          else this.#print(node.scope);
          this.#write("::");
          return this.#print(node.member);
        case "template":
          this.#print(node.name);
          return this.#templateArguments(node.args);
        case "tagged":
          this.#print(node.name);
          return this.#write(`[abi:${node.tag}]`);
        case "structor":
          if (node.destroys) this.#write("~");
          return this.#baseName(node.scope);
        case "encoding":
          return this.#encoding(node);
        case "function":
          return this.#leftOfFunction(node.returns);
        case "qualified":
          this.#left(node.type);
          // The argument that a parameter stands for may be const already.
          return this.#write(this.#qualifiersOf(node.type) === node.qualifiers ? "" : node.qualifiers);
        case "packSize":
          return this.#write(String(this.#packSize(node.of)));
        case "pointer":
          return this.#leftOfIndirection(node.type, "*");
        case "reference":
          return this.#leftOfReference(node.type, node.rvalue);
        case "memberPointer":
          this.#left(node.type);
          this.#write(this.#declarator(node.type) ? "(" : " ");
          this.#print(node.scope);
          return this.#write("::*");
        case "array":
          return this.#left(node.type);
        case "pack":
          return this.#list(node.items);
        case "parameter":
          return this.#argument(node, (argument) => this.#left(argument));
        case "lambda":
          return this.#lambda(node);
        case "expansion":
          return this.#expand(node.pattern);
      }
    });
  }

  #right(node: Node): void {
    this.#budget.within(() => {
      if (node.kind === "pointer" || node.kind === "memberPointer") this.#rightOfIndirection(node.type);
      else if (node.kind === "reference") this.#rightOfReference(node.type);
      else if (node.kind === "qualified") this.#right(node.type);
      else if (node.kind === "function") this.#rightOfFunction(node);
      else if (node.kind === "array") this.#rightOfArray(node);
      else if (node.kind === "parameter") this.#argument(node, (argument) => this.#right(argument));
    });
  }

  #encoding(node: Node & { kind: "encoding" }): void {
    const outer = this.#scope;
    if (node.args) this.#scope = { args: node.args, outer };
    if (node.returns) this.#leftOfFunction(node.returns);
    this.#print(node.name);
    this.#parameters(node.params);
    if (node.returns) this.#right(node.returns);
    this.#write(node.qualifiers);
    this.#scope = outer;
  }

  #leftOfFunction(returns: Node): void {
    this.#left(returns);
    if (!this.#hasRight(returns)) this.#write(" ");
  }

  #rightOfFunction(node: Node & { kind: "function" }): void {
    this.#parameters(node.params);
    this.#write(node.qualifiers);
    if (node.exceptions) this.#print(node.exceptions);
    this.#right(node.returns);
  }

  #rightOfArray(node: Node & { kind: "array" }): void {
    this.#write(this.#out.endsWith("]") ? "[" : " [");
    if (node.size) this.#print(node.size);
    this.#write("]");
    this.#right(node.type);
  }

  #lambda(node: Node & { kind: "lambda" }): void {
    const wasInLambda = this.#isInLambda;
    this.#isInLambda = true;
    this.#write("{lambda");
    this.#parameters(node.params);
    this.#write(`#${node.number}}`);
    this.#isInLambda = wasInLambda;
  }

  /** Does something with what a parameter stands for, which is nothing for an empty pack. */
  #argument(parameter: Node & { kind: "parameter" }, use: (argument: Node) => void): void {
    if (this.#isInLambda) return use({ kind: "text", text: `auto:${parameter.index + 1}` });
    const scope = this.#scope ?? fail();
    const given = scope.args[parameter.index] ?? fail();
    const argument = given.kind === "pack" ? this.#element(given.items) : given;
    if (!argument) return;
    this.#scope = scope.outer;
    use(argument);
    this.#scope = scope;
  }

  #leftOfIndirection(type: Node, mark: string): void {
    this.#left(type);
    const declarator = this.#declarator(type);
    if (declarator) this.#write(declarator === "array" ? " (" : "(");
    this.#write(mark);
  }

  #rightOfIndirection(type: Node): void {
    if (this.#declarator(type)) this.#write(")");
    this.#right(type);
  }

  /** A reference to a reference, which template arguments give, is one: `&` unless both are `&&`. */
  #leftOfReference(type: Node, rvalue: boolean): void {
    this.#budget.within(() => {
      if (type.kind === "parameter") return this.#argument(type, (argument) => this.#leftOfReference(argument, rvalue));
      if (type.kind === "reference") return this.#leftOfReference(type.type, rvalue && type.rvalue);
      return this.#leftOfIndirection(type, rvalue ? "&&" : "&");
    });
  }

  #rightOfReference(type: Node): void {
    this.#budget.within(() => {
      if (type.kind === "parameter") return this.#argument(type, (argument) => this.#rightOfReference(argument));
      if (type.kind === "reference") return this.#rightOfReference(type.type);
      return this.#rightOfIndirection(type);
    });
  }

  #qualifiersOf(type: Node): string {
    return this.#budget.within(() => {
      if (type.kind === "qualified") return type.qualifiers;
      let result = "";
      if (type.kind === "parameter") {
        this.#argument(type, (argument) => {
          result = this.#qualifiersOf(argument);
        });
      }
      return result;
    });
  }

  #packSize(pack: Node): number {
    const given = pack.kind === "parameter" ? this.#scope?.args[pack.index] : pack;
    return given?.kind === "pack" ? given.items.length : fail();
  }

  /** Whether a pointer to the type needs parentheses, and why. */
  #declarator(type: Node): "function" | "array" | undefined {
    return this.#budget.within(() => {
      if (type.kind === "qualified") return this.#declarator(type.type);
      if (type.kind !== "parameter") return type.kind === "function" || type.kind === "array" ? type.kind : undefined;
      let result: "function" | "array" | undefined;
      this.#argument(type, (argument) => {
        result = this.#declarator(argument);
      });
      return result;
    });
  }

  /** Whether anything stands to the right of what is declared. */
  #hasRight(type: Node): boolean {
    return this.#budget.within(() => {
      if (type.kind === "function" || type.kind === "array") return true;
      if (type.kind !== "parameter") return "type" in type && this.#hasRight(type.type);
      let result = false;
      this.#argument(type, (argument) => {
        result = this.#hasRight(argument);
      });
      return result;
    });
  }

  #parameters(params: readonly Node[]): void {
    this.#write("(");
    this.#list(params);
    this.#write(")");
  }

  #templateArguments(args: readonly Node[]): void {
    this.#write(this.#out.endsWith("<") ? " <" : "<");
    this.#list(args);
    this.#write(this.#out.endsWith(">") ? " >" : ">");
  }

  /** Commas between items, but not around those that say nothing: empty packs. */
  #list(items: readonly Node[]): void {
    let isFirst = true;
    for (const item of items) {
      const before = this.#out;
      if (!isFirst) this.#write(", ");
      const start = this.#out.length;
      this.#print(item);
      if (this.#out.length === start) this.#out = before;
      else isFirst = false;
    }
  }

  /** The name of a class without what it is in and its template arguments. */
  #baseName(node: Node): void {
    this.#budget.within(() => {
      if (node.kind === "member") this.#baseName(node.member);
      else if (node.kind === "template" || node.kind === "tagged") this.#baseName(node.name);
      else if (node.kind === "standard") this.#write(node.base);
      else this.#print(node);
    });
  }

  #element(items: readonly Node[]): Node | undefined {
    // Outside of an expansion: the first, as good as any.
    if (!this.#expansion) return items[0];
    this.#expansion.count ??= items.length;
    return items[this.#expansion.element];
  }

  #expand(pattern: Node): void {
    const outer = this.#expansion;
    const expansion: { element: number; count: number | undefined } = { element: 0, count: undefined };
    this.#expansion = expansion;
    const before = this.#out;
    this.#print(pattern);
    // Without a pack in it, in a lambda's parameters, it stays a pattern.
    if (expansion.count === undefined) this.#out = `${before}(${this.#out.slice(before.length)})...`;
    else if (expansion.count === 0) this.#out = before;
    for (expansion.element = 1; expansion.element < (expansion.count ?? 0); expansion.element++) {
      this.#write(", ");
      this.#print(pattern);
    }
    this.#expansion = outer;
  }
}
