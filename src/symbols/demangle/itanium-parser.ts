import { type Budget, fail } from "./budget.ts";
import { Cursor } from "./cursor.ts";
import { type ExpressionContext, readExpression, readLiteral } from "./itanium-expressions.ts";
import { type Node, sequence, text } from "./itanium-nodes.ts";
import { BUILTIN_TYPES, EXTENDED_TYPES, OPERATORS, STANDARD_NAMES } from "./itanium-tables.ts";

/** What the name of a function says about it beside its name. */
interface NameState {
  /** ` const`, ` &` and so on. */
  qualifiers: string;
  /** Such functions have their return type in the mangled name, unless they are one of the next. */
  endsWithTemplateArguments: boolean;
  isStructorOrConversion: boolean;
}

/**
 * Reads names mangled by the Itanium C++ ABI (everything but Microsoft's). One object reads one name. Ends by
 * `Unreadable` when the name isn't one.
 */
export class ItaniumParser implements ExpressionContext {
  readonly cursor: Cursor;
  readonly #budget: Budget;
  readonly #substitutions: Node[] = [];
  /** Those of the function that is being read, so far. */
  #templateArguments: readonly Node[] | undefined;
  /** Inside the type of a conversion operator: arguments behind it are the operator's. */
  #isInConversion = false;

  constructor(mangled: string, start: number, budget: Budget) {
    this.cursor = new Cursor(mangled, start);
    this.#budget = budget;
  }

  /** What comes behind `_Z`, to the end. */
  readAll(): Node {
    const { cursor } = this;
    let result = this.encoding();
    while (cursor.peek() === ".") {
      const suffix = /\.(?:[A-Za-z_]+|[0-9]+)(?:\.[0-9]+)*/y;
      suffix.lastIndex = cursor.at;
      const clone = suffix.exec(cursor.text)?.[0] ?? fail();
      cursor.at += clone.length;
      result = sequence(result, ` [clone ${clone}]`);
    }
    return cursor.peek() === "" ? result : fail();
  }

  encoding(): Node {
    return this.#budget.within(() => {
      const { cursor } = this;
      if (cursor.peek() === "T" || cursor.peek() === "G") return this.#specialName();
      const outerArguments = this.#templateArguments;
      this.#templateArguments = undefined;
      const state: NameState = { qualifiers: "", endsWithTemplateArguments: false, isStructorOrConversion: false };
      const name = this.#name(state);
      const result = this.#isEnd() ? name : this.#functionOf(name, state);
      this.#templateArguments = outerArguments;
      return result;
    });
  }

  #functionOf(name: Node, state: NameState): Node {
    const hasReturnType = state.endsWithTemplateArguments && !state.isStructorOrConversion;
    const returns = hasReturnType ? this.type() : undefined;
    const params = this.#parameters();
    return { kind: "encoding", name, returns, params, qualifiers: state.qualifiers, args: this.#templateArguments };
  }

  #isEnd(): boolean {
    return ["", "E", "."].includes(this.cursor.peek());
  }

  /** Types to the end of the function. `v` alone means none. */
  #parameters(): Node[] {
    if (this.cursor.peek() === "v" && ["", "E", "."].includes(this.cursor.peek(1))) {
      this.cursor.at++;
      return [];
    }
    const params = [this.type()];
    while (!this.#isEnd()) params.push(this.type());
    return params;
  }

  #specialName(): Node {
    const { cursor } = this;
    const code = cursor.next() + cursor.next();
    switch (code) {
      case "TV":
        return sequence("vtable for ", this.type());
      case "TT":
        return sequence("VTT for ", this.type());
      case "TI":
        return sequence("typeinfo for ", this.type());
      case "TS":
        return sequence("typeinfo name for ", this.type());
      case "TA":
        return sequence("template parameter object for ", this.templateArgument());
      case "TH":
        return sequence("TLS init function for ", this.#name());
      case "TW":
        return sequence("TLS wrapper function for ", this.#name());
      case "Th":
        this.#callOffset("h");
        return sequence("non-virtual thunk to ", this.encoding());
      case "Tv":
        this.#callOffset("v");
        return sequence("virtual thunk to ", this.encoding());
      case "Tc":
        this.#callOffset(cursor.next());
        this.#callOffset(cursor.next());
        return sequence("covariant return thunk to ", this.encoding());
      case "TC": {
        const derived = this.type();
        cursor.number();
        cursor.expect("_");
        return sequence("construction vtable for ", this.type(), "-in-", derived);
      }
      case "GV":
        return sequence("guard variable for ", this.#name());
      case "GR": {
        const name = this.#name();
        // The number may be missing in what old compilers wrote.
        const number = cursor.peek() === "" ? 0 : cursor.sequence(36);
        return sequence(`reference temporary #${number} for `, name);
      }
      case "GA":
        return sequence("hidden alias for ", this.encoding());
      case "GT":
        return sequence(
          cursor.next() === "n" ? "non-transaction clone for " : "transaction clone for ",
          this.encoding(),
        );
      default:
        return fail();
    }
  }

  #callOffset(kind: string): void {
    const { cursor } = this;
    if (kind !== "h" && kind !== "v") fail();
    for (let count = kind === "h" ? 1 : 2; count > 0; count--) {
      cursor.take("n");
      cursor.number();
      cursor.expect("_");
    }
  }

  #name(state?: NameState): Node {
    return this.#budget.within(() => {
      const { cursor } = this;
      if (cursor.peek() === "N") return this.#nestedName(state);
      if (cursor.peek() === "Z") return this.#localName(state);
      const isSubstitution = cursor.peek() === "S" && cursor.peek(1) !== "t";
      const name = isSubstitution ? this.#substitution() : this.#unscopedName(state);
      if (cursor.peek() !== "I") return isSubstitution ? fail() : name;
      if (!isSubstitution) this.#substitutions.push(name);
      if (state) state.endsWithTemplateArguments = true;
      return { kind: "template", name, args: this.templateArgumentList(state !== undefined) };
    });
  }

  #unscopedName(state?: NameState): Node {
    if (!this.cursor.take("St")) return this.#unqualifiedName(undefined, state);
    return { kind: "member", scope: text("std"), member: this.#unqualifiedName(undefined, state) };
  }

  #nestedName(state?: NameState): Node {
    const { cursor } = this;
    cursor.expect("N");
    const qualifiers = this.#qualifiers() + this.#referenceQualifier();
    if (state) state.qualifiers = qualifiers;
    let soFar: Node | undefined;
    for (let isFirst = true; !cursor.take("E"); isFirst = false) {
      const next = cursor.peek();
      if (state) state.endsWithTemplateArguments = false;
      if (next === "S" && cursor.peek(1) === "t") {
        if (!isFirst) fail();
        cursor.at += 2;
        soFar = text("std");
        continue;
      }
      if (next === "S") {
        soFar = isFirst ? this.#substitution() : fail();
        continue;
      }
      if (next === "M" && soFar) {
        // Marks what a lambda initialises; it says nothing that is printed.
        cursor.at++;
        continue;
      }
      soFar = this.#nestedComponent(soFar, state);
      if (cursor.peek() !== "E") this.#substitutions.push(soFar);
    }
    return soFar ?? fail();
  }

  #nestedComponent(soFar: Node | undefined, state: NameState | undefined): Node {
    const { cursor } = this;
    if (cursor.peek() === "T") return soFar ? fail() : this.templateParameter();
    if (cursor.peek() === "I") {
      if (state) state.endsWithTemplateArguments = true;
      return { kind: "template", name: soFar ?? fail(), args: this.templateArgumentList(state !== undefined) };
    }
    if (cursor.peek() === "D" && /[tT]/.test(cursor.peek(1))) return soFar ? fail() : this.#decltype();
    const member = this.#unqualifiedName(soFar, state);
    return soFar ? { kind: "member", scope: soFar, member } : member;
  }

  #localName(state?: NameState): Node {
    const { cursor } = this;
    cursor.expect("Z");
    const encoding = this.encoding();
    cursor.expect("E");
    // What the function returns would read as if it were the type of what is in it.
    const scope: Node = encoding.kind === "encoding" ? { ...encoding, returns: undefined } : encoding;
    if (cursor.take("s")) {
      this.#discriminator();
      return { kind: "member", scope, member: text("string literal") };
    }
    if (cursor.take("d")) {
      const number = cursor.sequence(10);
      const member = sequence(`{default arg#${number + 1}}::`, this.#name(state));
      return { kind: "member", scope, member };
    }
    const member = this.#name(state);
    this.#discriminator();
    return { kind: "member", scope, member };
  }

  /** Tells apart entities of the same name in one function; not printed. */
  #discriminator(): void {
    const { cursor } = this;
    if (cursor.take("__")) {
      cursor.number();
      cursor.expect("_");
    } else if (cursor.peek() === "_" && /[0-9]/.test(cursor.peek(1))) cursor.at += 2;
  }

  #unqualifiedName(scope: Node | undefined, state: NameState | undefined): Node {
    const { cursor } = this;
    let result: Node;
    cursor.take("L");
    if (cursor.isDigit()) result = this.sourceName();
    else if (cursor.take("Ut")) result = text(`{unnamed type#${cursor.sequence(10) + 1}}`);
    else if (cursor.take("Ul")) result = this.#lambda();
    else if (cursor.take("DC")) result = this.#structuredBinding();
    else if (cursor.peek() === "C" || cursor.peek() === "D") result = this.#structor(scope, state);
    else result = this.operatorName(state);
    while (cursor.take("B")) result = { kind: "tagged", name: result, tag: cursor.counted() };
    return result;
  }

  sourceName(): Node {
    const name = this.cursor.counted();
    return text(/^_GLOBAL_[._$]N/.test(name) ? "(anonymous namespace)" : name);
  }

  #lambda(): Node {
    const { cursor } = this;
    const params: Node[] = [];
    if (!cursor.take("vE")) {
      while (!cursor.take("E")) params.push(this.type());
    }
    return { kind: "lambda", params, number: cursor.sequence(10) + 1 };
  }

  #structuredBinding(): Node {
    const items = [this.sourceName()];
    while (!this.cursor.take("E")) items.push(this.sourceName());
    return sequence("[", { kind: "list", items }, "]");
  }

  #structor(scope: Node | undefined, state: NameState | undefined): Node {
    const { cursor } = this;
    const destroys = cursor.next() === "D";
    const inherits = !destroys && cursor.take("I");
    if (!/[0-5]/.test(cursor.next())) fail();
    // One that is inherited is called as in the class that it comes from.
    const named = inherits ? this.type() : scope;
    if (state) state.isStructorOrConversion = true;
    return { kind: "structor", scope: named ?? fail(), destroys };
  }

  operatorName(state?: NameState): Node {
    const { cursor } = this;
    const code = cursor.next() + cursor.next();
    if (code === "cv") {
      const wasInConversion = this.#isInConversion;
      // In expressions there is no state, and no arguments to come.
      this.#isInConversion ||= state !== undefined;
      const type = this.type();
      this.#isInConversion = wasInConversion;
      if (state) state.isStructorOrConversion = true;
      return sequence("operator ", type);
    }
    if (code === "li") return sequence('operator"" ', this.sourceName());
    if (/^v[0-9]$/.test(code)) return sequence("operator ", this.sourceName());
    const operator = OPERATORS.get(code) ?? fail();
    return text(`operator${/^[a-z]/.test(operator[0]) ? " " : ""}${operator[0].trimEnd()}`);
  }

  #substitution(): Node {
    const { cursor } = this;
    cursor.expect("S");
    const standard = STANDARD_NAMES.get(cursor.peek());
    if (!standard) return this.#substitutions[cursor.sequence(36)] ?? fail();
    cursor.at++;
    let result: Node = { kind: "standard", text: standard[0], full: standard[1], base: standard[2] };
    while (cursor.take("B")) result = { kind: "tagged", name: result, tag: cursor.counted() };
    return result;
  }

  #qualifiers(): string {
    let qualifiers = "";
    if (this.cursor.take("r")) qualifiers = " restrict";
    if (this.cursor.take("V")) qualifiers = ` volatile${qualifiers}`;
    if (this.cursor.take("K")) qualifiers = ` const${qualifiers}`;
    return qualifiers;
  }

  #referenceQualifier(): string {
    if (this.cursor.take("R")) return " &";
    return this.cursor.take("O") ? " &&" : "";
  }

  type(): Node {
    return this.#budget.within(() => {
      const { cursor } = this;
      const builtin = BUILTIN_TYPES.get(cursor.peek());
      if (builtin !== undefined) {
        cursor.at++;
        return text(builtin);
      }
      const isSubstitution = cursor.peek() === "S" && cursor.peek(1) !== "t";
      if (isSubstitution) {
        const substitution = this.#substitution();
        if (cursor.peek() !== "I") return substitution;
        return this.#substituted({ kind: "template", name: substitution, args: this.templateArgumentList() });
      }
      if (cursor.peek() === "D") {
        const extended = EXTENDED_TYPES.get(cursor.peek(1));
        if (extended !== undefined) {
          cursor.at += 2;
          return text(extended);
        }
      }
      return this.#substituted(this.#compoundType());
    });
  }

  #substituted(node: Node): Node {
    this.#substitutions.push(node);
    return node;
  }

  #compoundType(): Node {
    const { cursor } = this;
    switch (cursor.peek()) {
      case "r":
      case "V":
      case "K":
        return this.#qualifiedType();
      case "P":
        cursor.at++;
        return { kind: "pointer", type: this.type() };
      case "R":
        cursor.at++;
        return { kind: "reference", type: this.type(), rvalue: false };
      case "O":
        cursor.at++;
        return { kind: "reference", type: this.type(), rvalue: true };
      case "C":
        cursor.at++;
        return sequence(this.type(), " _Complex");
      case "G":
        cursor.at++;
        return sequence(this.type(), " _Imaginary");
      case "F":
        return this.#functionType("");
      case "A":
        return this.#arrayType();
      case "M": {
        cursor.at++;
        const scope = this.type();
        return { kind: "memberPointer", scope, type: this.type() };
      }
      case "T":
        return this.#templateParameterType();
      case "U":
        return this.#vendorQualifiedType();
      case "u":
        cursor.at++;
        return this.sourceName();
      case "D":
        return this.#extendedType();
      default:
        return this.#name();
    }
  }

  #qualifiedType(): Node {
    const qualifiers = this.#qualifiers();
    const next = this.cursor.peek() + (this.cursor.peek() === "D" ? this.cursor.peek(1) : "");
    if (["F", "Do", "DO", "Dw", "Dx"].includes(next)) return this.#functionType(qualifiers);
    return { kind: "qualified", type: this.type(), qualifiers };
  }

  /** `qualifiers` are those of the member function that it is the type of. */
  #functionType(qualifiers: string): Node {
    const { cursor } = this;
    const exceptions = this.#exceptions();
    cursor.take("Dx");
    cursor.expect("F");
    cursor.take("Y");
    const returns = this.type();
    const params: Node[] = [];
    let reference = "";
    while (!cursor.take("E")) {
      if (cursor.take("vE")) break;
      if (cursor.take("RE")) {
        reference = " &";
        break;
      }
      if (cursor.take("OE")) {
        reference = " &&";
        break;
      }
      params.push(this.type());
    }
    if (params.length === 1 && params[0]?.kind === "text" && params[0].text === "void") params.pop();
    return { kind: "function", returns, params, qualifiers: qualifiers + reference, exceptions };
  }

  #exceptions(): Node | undefined {
    const { cursor } = this;
    if (cursor.take("Do")) return text(" noexcept");
    if (cursor.take("DO")) {
      const condition = this.expression();
      cursor.expect("E");
      return sequence(" noexcept(", condition, ")");
    }
    if (!cursor.take("Dw")) return undefined;
    const items: Node[] = [];
    while (!cursor.take("E")) items.push(this.type());
    return sequence(" throw(", { kind: "list", items }, ")");
  }

  #arrayType(): Node {
    const { cursor } = this;
    cursor.expect("A");
    let size: Node | undefined;
    if (cursor.isDigit()) size = text(String(cursor.number()));
    else if (cursor.peek() !== "_") size = this.expression();
    cursor.expect("_");
    return { kind: "array", type: this.type(), size };
  }

  #templateParameterType(): Node {
    const { cursor } = this;
    // struct, union, enum: C++ needs the word, its reader doesn't.
    if (/[sue]/.test(cursor.peek(1))) {
      cursor.at += 2;
      return this.#name();
    }
    const parameter = this.templateParameter();
    if (cursor.peek() !== "I" || this.#isInConversion) return parameter;
    this.#substitutions.push(parameter);
    return { kind: "template", name: parameter, args: this.templateArgumentList() };
  }

  #vendorQualifiedType(): Node {
    this.cursor.expect("U");
    const qualifier = this.sourceName();
    const args = this.cursor.peek() === "I" ? this.templateArgumentList() : undefined;
    const type = this.type();
    return sequence(type, " ", args ? { kind: "template", name: qualifier, args } : qualifier);
  }

  /** Types that begin with `D` and can be substituted. */
  #extendedType(): Node {
    const { cursor } = this;
    switch (cursor.peek(1)) {
      case "t":
      case "T":
        return this.#decltype();
      case "p":
        cursor.at += 2;
        return { kind: "expansion", pattern: this.type() };
      case "o":
      case "O":
      case "w":
      case "x":
        return this.#functionType("");
      case "v":
        return this.#vectorType();
      case "F": {
        cursor.at += 2;
        const bits = cursor.number();
        if (cursor.take("b")) return text("std::bfloat16_t");
        const isExtended = cursor.take("x");
        if (!isExtended) cursor.expect("_");
        return text(`_Float${bits}${isExtended ? "x" : ""}`);
      }
      default:
        return this.#name();
    }
  }

  #vectorType(): Node {
    const { cursor } = this;
    cursor.at += 2;
    let size: Node;
    if (cursor.isDigit()) size = text(String(cursor.number()));
    else {
      cursor.expect("_");
      size = this.expression();
    }
    cursor.expect("_");
    return sequence(this.type(), " __vector(", size, ")");
  }

  #decltype(): Node {
    this.cursor.at += 2;
    const expression = this.expression();
    this.cursor.expect("E");
    return sequence("decltype (", expression, ")");
  }

  templateParameter(): Node {
    const { cursor } = this;
    cursor.expect("T");
    if (cursor.take("L")) {
      cursor.number();
      cursor.expect("_");
    }
    return { kind: "parameter", index: cursor.sequence(10) };
  }

  /** @param named they belong to the name of the function that is read, in whose types parameters stand for them */
  templateArgumentList(named = false): Node[] {
    const { cursor } = this;
    cursor.expect("I");
    const args: Node[] = [];
    while (!cursor.take("E")) {
      args.push(this.templateArgument());
      // A requires clause, which nobody wants to read.
      if (cursor.take("Q")) this.expression();
    }
    if (named) this.#templateArguments = args;
    return args;
  }

  templateArgument(): Node {
    return this.#budget.within(() => {
      const { cursor } = this;
      switch (cursor.peek()) {
        case "L":
          return readLiteral(this);
        case "X": {
          cursor.at++;
          const expression = this.expression();
          cursor.expect("E");
          return expression;
        }
        case "J":
        // Before C++11 was finished it was an I.
        case "I": {
          cursor.at++;
          const items: Node[] = [];
          while (!cursor.take("E")) items.push(this.templateArgument());
          return { kind: "pack", items };
        }
        default:
          return this.type();
      }
    });
  }

  expression(): Node {
    return this.#budget.within(() => readExpression(this));
  }
}
