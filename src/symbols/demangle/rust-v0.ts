import { type Budget, fail } from "./budget.ts";
import { Cursor } from "./cursor.ts";
import { decodePunycode } from "./punycode.ts";
import { rustSuffix } from "./rust-legacy.ts";

/** Types of one letter (RFC 2603, "Types"). */
const BASIC_TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: "i8",
    b: "bool",
    c: "char",
    d: "f64",
    e: "str",
    f: "f32",
    h: "u8",
    i: "isize",
    j: "usize",
    l: "i32",
    m: "u32",
    n: "i128",
    o: "u128",
    p: "_",
    s: "i16",
    t: "u16",
    u: "()",
    v: "...",
    x: "i64",
    y: "u64",
    z: "!",
  }),
);
const MAX_OUTPUT = 16_384;
/** Digits of a 64-bit number; longer ones stay hexadecimal. */
const MAX_HEX_DIGITS = 16;

/** Reads a name of Rust's newer scheme (`_R`…, RFC 2603). Ends by `Unreadable` when it is none. */
export function demangleRustV0(name: string, budget: Budget): string {
  return new RustV0(name, budget).demangle();
}

/** Reads and writes at once: a back reference reads an earlier part again. */
class RustV0 {
  readonly #cursor: Cursor;
  readonly #budget: Budget;
  /** Back references count from here. */
  readonly #start = "_R".length;
  #out = "";
  /** Lifetimes bound around the current place. */
  #bound = 0;

  constructor(name: string, budget: Budget) {
    this.#cursor = new Cursor(name, this.#start);
    this.#budget = budget;
  }

  demangle(): string {
    const cursor = this.#cursor;
    // A digit would be the version of a later scheme.
    if (cursor.isDigit()) fail();
    this.#path(true);
    const result = this.#out;
    // The crate that needed this instance of a generic function.
    if (/[A-Z]/.test(cursor.peek())) this.#path(false);
    if (cursor.peek() !== "" && !/[.$]/.test(cursor.peek())) fail();
    return result + rustSuffix(cursor.text.slice(cursor.at));
  }

  #write(text: string): void {
    this.#out += text;
    if (this.#out.length > MAX_OUTPUT) fail();
  }

  /** @param isValue arguments are written `::<T>`, as in expressions; as types they are `<T>` */
  #path(isValue: boolean): void {
    this.#budget.within(() => {
      const cursor = this.#cursor;
      switch (cursor.next()) {
        case "C":
          this.#disambiguator();
          return this.#write(this.#identifier());
        case "M":
          this.#implementation();
          this.#write("<");
          this.#type();
          return this.#write(">");
        case "X":
          this.#implementation();
          return this.#asTrait();
        case "Y":
          return this.#asTrait();
        case "N":
          return this.#nested(isValue);
        case "I":
          this.#path(isValue);
          this.#write(isValue ? "::<" : "<");
          this.#list(() => this.#genericArgument());
          return this.#write(">");
        case "B":
          return this.#backReference(() => this.#path(isValue));
        default:
          return fail();
      }
    });
  }

  /** Where an `impl` block is: tells blocks apart, not printed. */
  #implementation(): void {
    const before = this.#out;
    this.#disambiguator();
    this.#path(false);
    this.#out = before;
  }

  #asTrait(): void {
    this.#write("<");
    this.#type();
    this.#write(" as ");
    this.#path(false);
    this.#write(">");
  }

  #nested(isValue: boolean): void {
    const namespace = this.#cursor.next();
    this.#path(isValue);
    const number = this.#disambiguator();
    const name = this.#identifier();
    if (/[a-z]/.test(namespace)) return name === "" ? undefined : this.#write(`::${name}`);
    const kind = namespace === "C" ? "closure" : namespace === "S" ? "shim" : namespace;
    this.#write(`::{${kind}${name === "" ? "" : `:${name}`}#${number}}`);
  }

  /** Counts entities of the same name: 0 if there is no mark. */
  #disambiguator(): number {
    return this.#cursor.take("s") ? this.#base62() + 1 : 0;
  }

  /** `_` is 0, `0_` is 1, and so on. */
  #base62(): number {
    const cursor = this.#cursor;
    if (cursor.take("_")) return 0;
    let value = 0;
    for (let next = cursor.next(); next !== "_"; next = cursor.next()) {
      const digit = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".indexOf(next);
      value = value * 62 + (digit < 0 ? fail() : digit);
    }
    return value + 1;
  }

  #identifier(): string {
    const cursor = this.#cursor;
    const isEncoded = cursor.take("u");
    // A zero ends the number: the next digit is of what follows an empty name.
    const length = cursor.take("0") ? 0 : cursor.number();
    cursor.take("_");
    const text = cursor.text.slice(cursor.at, cursor.at + length);
    if (text.length < length) fail();
    cursor.at += length;
    if (!isEncoded) return text;
    const border = text.lastIndexOf("_");
    return decodePunycode(text.slice(0, Math.max(border, 0)), text.slice(border + 1));
  }

  #list(write: () => void): number {
    let count = 0;
    for (; !this.#cursor.take("E"); count++) {
      if (count > 0) this.#write(", ");
      write();
    }
    return count;
  }

  #genericArgument(): void {
    if (this.#cursor.take("L")) this.#lifetime(this.#base62());
    else if (this.#cursor.take("K")) this.#constant();
    else this.#type();
  }

  /** @param index 0 is an erased one; others count the bound ones, the innermost first */
  #lifetime(index: number): void {
    if (index === 0) return this.#write("'_");
    const depth = this.#bound - index;
    if (depth < 0) fail();
    this.#write(depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`);
  }

  #type(): void {
    this.#budget.within(() => {
      const cursor = this.#cursor;
      const basic = BASIC_TYPES.get(cursor.peek());
      if (basic !== undefined) {
        cursor.at++;
        return this.#write(basic);
      }
      switch (cursor.peek()) {
        case "A":
        case "S": {
          const isArray = cursor.next() === "A";
          this.#write("[");
          this.#type();
          if (isArray) {
            this.#write("; ");
            this.#constant();
          }
          return this.#write("]");
        }
        case "T": {
          cursor.at++;
          this.#write("(");
          const count = this.#list(() => this.#type());
          return this.#write(count === 1 ? ",)" : ")");
        }
        case "R":
        case "Q":
          return this.#reference();
        case "P":
        case "O":
          this.#write(cursor.next() === "P" ? "*const " : "*mut ");
          return this.#type();
        case "F":
          cursor.at++;
          return this.#withBinder(() => this.#functionSignature());
        case "D":
          cursor.at++;
          return this.#dynamic();
        case "B":
          cursor.at++;
          return this.#backReference(() => this.#type());
        default:
          return this.#path(false);
      }
    });
  }

  #reference(): void {
    const isMutable = this.#cursor.next() === "Q";
    this.#write("&");
    if (this.#cursor.take("L")) {
      const index = this.#base62();
      if (index !== 0) {
        this.#lifetime(index);
        this.#write(" ");
      }
    }
    if (isMutable) this.#write("mut ");
    this.#type();
  }

  /** `for<'a, 'b> `…: lifetimes that hold in what `write` writes. */
  #withBinder(write: () => void): void {
    const count = this.#cursor.take("G") ? this.#base62() + 1 : 0;
    if (count > MAX_OUTPUT) fail();
    if (count > 0) {
      this.#write("for<");
      for (let index = 0; index < count; index++) {
        if (index > 0) this.#write(", ");
        this.#bound++;
        this.#lifetime(1);
      }
      this.#write("> ");
    }
    write();
    this.#bound -= count;
  }

  #functionSignature(): void {
    const cursor = this.#cursor;
    if (cursor.take("U")) this.#write("unsafe ");
    if (cursor.take("K")) {
      const convention = cursor.take("C") ? "C" : this.#identifier().replaceAll("_", "-");
      this.#write(`extern "${convention}" `);
    }
    this.#write("fn(");
    this.#list(() => this.#type());
    this.#write(")");
    if (cursor.take("u")) return;
    this.#write(" -> ");
    this.#type();
  }

  #dynamic(): void {
    const cursor = this.#cursor;
    this.#write("dyn ");
    this.#withBinder(() => {
      for (let isFirst = true; !cursor.take("E"); isFirst = false) {
        if (!isFirst) this.#write(" + ");
        this.#boundTrait();
      }
    });
    cursor.expect("L");
    const lifetime = this.#base62();
    if (lifetime === 0) return;
    this.#write(" + ");
    this.#lifetime(lifetime);
  }

  /** A trait with its arguments, and with types of its members in the same brackets. */
  #boundTrait(): void {
    let isOpen = this.#openPath();
    while (this.#cursor.take("p")) {
      this.#write(isOpen ? ", " : "<");
      isOpen = true;
      this.#write(`${this.#identifier()} = `);
      this.#type();
    }
    if (isOpen) this.#write(">");
  }

  /** A path whose last bracket is left open, if it has one. */
  #openPath(): boolean {
    return this.#budget.within(() => {
      const cursor = this.#cursor;
      if (cursor.take("B")) {
        let isOpen = false;
        this.#backReference(() => {
          isOpen = this.#openPath();
        });
        return isOpen;
      }
      if (!cursor.take("I")) {
        this.#path(false);
        return false;
      }
      this.#path(false);
      this.#write("<");
      this.#list(() => this.#genericArgument());
      return true;
    });
  }

  #constant(): void {
    this.#budget.within(() => {
      const cursor = this.#cursor;
      if (cursor.take("B")) return this.#backReference(() => this.#constant());
      const type = cursor.next();
      if (type === "p") return this.#write("_");
      if ("hjmotyasilnx".includes(type)) {
        const sign = "asilnx".includes(type) && cursor.take("n") ? "-" : "";
        return this.#write(sign + integer(this.#hexadecimal()));
      }
      const digits = this.#hexadecimal();
      if (type === "b" && (digits === "0" || digits === "1")) return this.#write(digits === "1" ? "true" : "false");
      if (type === "c") return this.#write(character(parseInt(digits, 16)));
      return fail();
    });
  }

  /** Lower-case digits without leading zeros, up to `_`. */
  #hexadecimal(): string {
    const cursor = this.#cursor;
    const end = cursor.text.indexOf("_", cursor.at);
    const digits = cursor.text.slice(cursor.at, end);
    if (end < 0 || !/^(?:0|[1-9a-f][0-9a-f]*)?$/.test(digits)) fail();
    cursor.at = end + 1;
    return digits === "" ? "0" : digits;
  }

  #backReference(write: () => void): void {
    const cursor = this.#cursor;
    // The letter B, which is behind us, must not be in what is read again.
    const place = cursor.at - 1;
    const target = this.#start + this.#base62();
    if (target >= place) fail();
    const after = cursor.at;
    cursor.at = target;
    write();
    cursor.at = after;
  }
}

function integer(digits: string): string {
  return digits.length > MAX_HEX_DIGITS ? `0x${digits}` : BigInt(`0x${digits}`).toString();
}

function character(code: number): string {
  if (!(code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff)) return fail();
  if (code < 0x20 || code === 0x7f) return `'\\u{${code.toString(16)}}'`;
  const text = String.fromCodePoint(code);
  return `'${text === "'" || text === "\\" ? `\\${text}` : text}'`;
}
