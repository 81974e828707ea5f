import { ByteCursor } from "./byte-cursor.ts";
import { ValueForm } from "./unwind-rule.ts";

/** What an expression says, without running it: a constant, or something beside a register. */
export interface SymbolicValue {
  /** One of `ValueForm`. */
  readonly form: number;
  readonly base: number;
  readonly offset: number;
  readonly outer: number;
}

/** Values that wait for others; real expressions need four. */
const MAX_DEPTH = 16;
/** Pages are at least so large, and code is loaded at a page's begin: below it, an address and its place in the file agree. */
const PAGE_MASK = 4095;
const EXACT = 2 ** 53;

const Op = {
  ADDRESS: 0x03,
  DEREF: 0x06,
  CONST1U: 0x08,
  CONST1S: 0x09,
  CONST2U: 0x0a,
  CONST2S: 0x0b,
  CONST4U: 0x0c,
  CONST4S: 0x0d,
  CONST8U: 0x0e,
  CONST8S: 0x0f,
  CONSTU: 0x10,
  CONSTS: 0x11,
  DUP: 0x12,
  DROP: 0x13,
  OVER: 0x14,
  PICK: 0x15,
  SWAP: 0x16,
  AND: 0x1a,
  MINUS: 0x1c,
  MUL: 0x1e,
  PLUS: 0x22,
  PLUS_CONST: 0x23,
  SHL: 0x24,
  SHR: 0x25,
  EQ: 0x29,
  GE: 0x2a,
  GT: 0x2b,
  LE: 0x2c,
  LT: 0x2d,
  NE: 0x2e,
  LIT0: 0x30,
  LIT31: 0x4f,
  BREG0: 0x70,
  BREG31: 0x8f,
  BREGX: 0x92,
  NOP: 0x96,
} as const;

/** For what the value of an expression is wanted. */
export interface ExpressionPlace {
  /** Virtual address of the instruction, before relocation. */
  readonly address: number;
  /** DWARF number of the register that holds it. */
  readonly pc: number;
}

/**
 * Brings a DWARF expression down to one of the forms that a rule can hold; at the beginning the stack holds `initial`.
 * Branches are not followed, so every expression ends with its bytes. Enough for all that is in use: the address of a
 * procedure linkage stub (which depends on where in the stub the instruction is, and on nothing else), realigned stacks
 * and signal frames.
 *
 * @returns undefined for what has another form
 */
export function evaluateSymbolically(
  bytes: Uint8Array,
  start: number,
  end: number,
  place: ExpressionPlace,
  initial?: SymbolicValue,
): SymbolicValue | undefined {
  const cursor = new ByteCursor(bytes, start, end);
  const stack: SymbolicValue[] = initial ? [initial] : [];
  while (!cursor.isAtEnd) {
    if (!step(cursor, stack, place) || !cursor.good || stack.length > MAX_DEPTH) return undefined;
  }
  return stack.at(-1);
}

/** Does one operation; false if it can't be done. */
function step(cursor: ByteCursor, stack: SymbolicValue[], place: ExpressionPlace): boolean {
  const op = cursor.u8();
  const value = operand(op, cursor);
  if (value !== undefined) return push(stack, value);
  switch (op) {
    case Op.NOP:
      return true;
    case Op.DUP:
      return copyFrom(stack, 0);
    case Op.OVER:
      return copyFrom(stack, 1);
    case Op.PICK:
      return copyFrom(stack, cursor.u8());
    case Op.DROP:
      return stack.pop() !== undefined;
    case Op.SWAP: {
      const [top, below] = [stack.pop(), stack.pop()];
      return top !== undefined && below !== undefined && push(stack, top) && push(stack, below);
    }
    case Op.DEREF:
      return push(stack, dereferenced(stack.pop()));
    case Op.PLUS_CONST:
      return push(stack, sum(stack.pop(), cursor.uleb()));
    default: {
      const [right, left] = [stack.pop(), stack.pop()];
      return left !== undefined && right !== undefined && push(stack, combined(op, left, right, place));
    }
  }
}

/** The value that an operation pushes without taking any; undefined if it is another operation. */
function operand(op: number, cursor: ByteCursor): SymbolicValue | undefined {
  if (op >= Op.LIT0 && op <= Op.LIT31) return constant(op - Op.LIT0);
  if (op >= Op.BREG0 && op <= Op.BREG31) return register(op - Op.BREG0, cursor.sleb());
  switch (op) {
    case Op.BREGX: {
      const base = cursor.uleb();
      return register(base, cursor.sleb());
    }
    case Op.CONST1U:
      return constant(cursor.u8());
    case Op.CONST1S:
      return constant(cursor.s8());
    case Op.CONST2U:
      return constant(cursor.u16());
    case Op.CONST2S:
      return constant(cursor.s16());
    case Op.CONST4U:
      return constant(cursor.u32());
    case Op.CONST4S:
      return constant(cursor.s32());
    case Op.ADDRESS:
    case Op.CONST8U:
      return constant(cursor.u64());
    case Op.CONST8S:
      return constant(cursor.s64());
    case Op.CONSTU:
      return constant(cursor.uleb());
    case Op.CONSTS:
      return constant(cursor.sleb());
    default:
      return undefined;
  }
}

function constant(offset: number): SymbolicValue {
  return { form: ValueForm.Constant, base: 0, offset, outer: 0 };
}

function register(base: number, offset: number): SymbolicValue {
  return { form: ValueForm.Register, base, offset, outer: 0 };
}

function push(stack: SymbolicValue[], value: SymbolicValue | undefined): boolean {
  if (value === undefined || Math.abs(value.offset) >= EXACT || Math.abs(value.outer) >= EXACT) return false;
  stack.push(value);
  return true;
}

function copyFrom(stack: SymbolicValue[], depth: number): boolean {
  return push(stack, stack.at(-1 - depth));
}

function dereferenced(value: SymbolicValue | undefined): SymbolicValue | undefined {
  return value?.form === ValueForm.Register ? { ...value, form: ValueForm.Memory } : undefined;
}

function sum(value: SymbolicValue | undefined, addend: number): SymbolicValue | undefined {
  if (value === undefined) return undefined;
  return value.form === ValueForm.Memory
    ? { ...value, outer: value.outer + addend }
    : { ...value, offset: value.offset + addend };
}

function combined(
  op: number,
  left: SymbolicValue,
  right: SymbolicValue,
  { address, pc }: ExpressionPlace,
): SymbolicValue | undefined {
  if (left.form === ValueForm.Constant && right.form === ValueForm.Constant) {
    const result = calculated(op, left.offset, right.offset);
    return result === undefined ? undefined : constant(result);
  }
  if (op === Op.PLUS && right.form === ValueForm.Constant) return sum(left, right.offset);
  if (op === Op.PLUS && left.form === ValueForm.Constant) return sum(right, left.offset);
  if (right.form !== ValueForm.Constant) return undefined;
  if (op === Op.MINUS) return sum(left, -right.offset);
  const isWithinPage = right.offset >= 0 && right.offset <= PAGE_MASK;
  if (op === Op.AND && left.form === ValueForm.Register && left.base === pc && isWithinPage) {
    return constant(((address + left.offset) % (PAGE_MASK + 1)) & right.offset);
  }
  return undefined;
}

/** Of two constants; undefined where 64 bits would say something else than doubles do. */
function calculated(op: number, left: number, right: number): number | undefined {
  switch (op) {
    case Op.PLUS:
      return left + right;
    case Op.MINUS:
      return left - right;
    case Op.MUL:
      return left * right;
    case Op.AND:
      return isSmall(left) && isSmall(right) ? left & right : undefined;
    case Op.SHL:
      return isSmall(right) && right < 32 ? left * 2 ** right : undefined;
    case Op.SHR:
      return isSmall(left) && isSmall(right) && right < 32 ? left >>> right : undefined;
    case Op.EQ:
      return Number(left === right);
    case Op.NE:
      return Number(left !== right);
    case Op.GE:
      return Number(left >= right);
    case Op.GT:
      return Number(left > right);
    case Op.LE:
      return Number(left <= right);
    case Op.LT:
      return Number(left < right);
    default:
      return undefined;
  }
}

function isSmall(value: number): boolean {
  return value >= 0 && value < 2 ** 31;
}
