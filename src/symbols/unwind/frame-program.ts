import { ByteCursor } from "./byte-cursor.ts";
import { evaluateSymbolically, type SymbolicValue } from "./expression.ts";
import type { FunctionEntry } from "./frame-entries.ts";
import type { MachineRegisters } from "./machine-registers.ts";
import { MAX_RULE_FIELDS, Restore, RESTORE_FIELDS, RuleField, RuleFlag, ValueForm } from "./unwind-rule.ts";

/** What a register's column says while the program runs. */
const Column = {
  Same: 0,
  Undefined: 1,
  Offset: 2,
  ValueOffset: 3,
  Register: 4,
  Expression: 5,
  ValueExpression: 6,
} as const;
/** Kind, and two numbers: an offset, a register, or where an expression begins and ends. */
const COLUMN_FIELDS = 3;
/** CFA: whether it is an expression; then register and offset, or begin and end of the expression. */
const CFA_FIELDS = 3;
/** `remember_state` nests twice in what compilers write. */
const MAX_REMEMBERED = 16;
/** Which bytes an expression stands in: the common entry's initial instructions may hold one. */
const IN_COMMON = 1 << 20;

const Op = {
  NOP: 0x00,
  SET_LOC: 0x01,
  ADVANCE_1: 0x02,
  ADVANCE_2: 0x03,
  ADVANCE_4: 0x04,
  OFFSET_EXTENDED: 0x05,
  RESTORE_EXTENDED: 0x06,
  UNDEFINED: 0x07,
  SAME_VALUE: 0x08,
  REGISTER: 0x09,
  REMEMBER: 0x0a,
  RECALL: 0x0b,
  DEF_CFA: 0x0c,
  DEF_CFA_REGISTER: 0x0d,
  DEF_CFA_OFFSET: 0x0e,
  DEF_CFA_EXPRESSION: 0x0f,
  EXPRESSION: 0x10,
  OFFSET_EXTENDED_SF: 0x11,
  DEF_CFA_SF: 0x12,
  DEF_CFA_OFFSET_SF: 0x13,
  VAL_OFFSET: 0x14,
  VAL_OFFSET_SF: 0x15,
  VAL_EXPRESSION: 0x16,
  TOGGLE_SIGNATURE: 0x2d,
  ARGS_SIZE: 0x2e,
  NEGATIVE_OFFSET: 0x2f,
  ADVANCE: 0x40,
  OFFSET: 0x80,
  RESTORE: 0xc0,
} as const;

/**
 * Runs the programs of function entries up to an address: what is left then is how its frame is unwound. Each instruction
 * takes at least a byte of an entry, so all programs end.
 */
export class FrameProgram {
  readonly #machine: MachineRegisters;
  /** CFA and the columns of all registers. */
  #state: Int32Array;
  readonly #initial: Int32Array;
  readonly #remembered: Int32Array[] = [];
  #depth = 0;
  /** The rule that `run` made: see `RuleField`. */
  readonly rule = new Int32Array(MAX_RULE_FIELDS);
  #entry: FunctionEntry | undefined;

  constructor(machine: MachineRegisters) {
    this.#machine = machine;
    this.#state = new Int32Array(CFA_FIELDS + machine.count * COLUMN_FIELDS);
    this.#initial = new Int32Array(this.#state.length);
  }

  /**
   * Makes the rule of a virtual address that the entry holds.
   *
   * @returns how many integers of `rule` it takes; 0 if the entry is malformed, or says what no rule can hold
   */
  run(entry: FunctionEntry, address: number): number {
    const { common } = entry;
    this.#entry = entry;
    this.#depth = 0;
    this.#state.fill(0);
    this.#state[1] = -1;
    const initial = new ByteCursor(common.bytes, common.instructionsStart, common.instructionsEnd);
    if (!this.#execute(initial, entry.start, Infinity, IN_COMMON)) return 0;
    this.#initial.set(this.#state);
    const own = new ByteCursor(entry.bytes, entry.instructionsStart, entry.instructionsEnd);
    if (!this.#execute(own, entry.start, address, 0)) return 0;
    return this.#finish(address);
  }

  /** Executes until the location passes `address`; false if it can't. */
  #execute(cursor: ByteCursor, start: number, address: number, origin: number): boolean {
    const { codeAlignment } = this.#entry!.common;
    let location = start;
    while (!cursor.isAtEnd) {
      const op = cursor.u8();
      const low = op & 0x3f;
      let advance = -1;
      if ((op & 0xc0) === Op.ADVANCE) advance = low;
      else if (op === Op.ADVANCE_1) advance = cursor.u8();
      else if (op === Op.ADVANCE_2) advance = cursor.u16();
      else if (op === Op.ADVANCE_4) advance = cursor.u32();
      if (advance >= 0) {
        location += advance * codeAlignment;
        if (location > address) break;
      } else if (!this.#apply(op, low, cursor, origin)) return false;
      if (!cursor.good) return false;
    }
    return cursor.good;
  }

  #apply(op: number, low: number, cursor: ByteCursor, origin: number): boolean {
    const { dataAlignment } = this.#entry!.common;
    if ((op & 0xc0) === Op.OFFSET) return this.#column(low, Column.Offset, cursor.uleb() * dataAlignment);
    if ((op & 0xc0) === Op.RESTORE) return this.#restore(low);
    switch (op) {
      case Op.NOP:
        return true;
      case Op.OFFSET_EXTENDED:
        return this.#column(cursor.uleb(), Column.Offset, cursor.uleb() * dataAlignment);
      case Op.OFFSET_EXTENDED_SF:
        return this.#column(cursor.uleb(), Column.Offset, cursor.sleb() * dataAlignment);
      case Op.NEGATIVE_OFFSET:
        return this.#column(cursor.uleb(), Column.Offset, -cursor.uleb() * dataAlignment);
      case Op.VAL_OFFSET:
        return this.#column(cursor.uleb(), Column.ValueOffset, cursor.uleb() * dataAlignment);
      case Op.VAL_OFFSET_SF:
        return this.#column(cursor.uleb(), Column.ValueOffset, cursor.sleb() * dataAlignment);
      case Op.RESTORE_EXTENDED:
        return this.#restore(cursor.uleb());
      case Op.UNDEFINED:
        return this.#column(cursor.uleb(), Column.Undefined, 0);
      case Op.SAME_VALUE:
        return this.#column(cursor.uleb(), Column.Same, 0);
      case Op.REGISTER:
        return this.#column(cursor.uleb(), Column.Register, cursor.uleb());
      case Op.EXPRESSION:
        return this.#expressionColumn(Column.Expression, cursor, origin);
      case Op.VAL_EXPRESSION:
        return this.#expressionColumn(Column.ValueExpression, cursor, origin);
      case Op.REMEMBER:
        return this.#remember();
      case Op.RECALL:
        return this.#recall();
      case Op.DEF_CFA:
        return this.#cfa(0, cursor.uleb(), cursor.uleb());
      case Op.DEF_CFA_SF:
        return this.#cfa(0, cursor.uleb(), cursor.sleb() * dataAlignment);
      case Op.DEF_CFA_REGISTER:
        return this.#cfa(0, cursor.uleb(), this.#state[2]!);
      case Op.DEF_CFA_OFFSET:
        return this.#cfa(0, this.#state[1]!, cursor.uleb());
      case Op.DEF_CFA_OFFSET_SF:
        return this.#cfa(0, this.#state[1]!, cursor.sleb() * dataAlignment);
      case Op.DEF_CFA_EXPRESSION: {
        const [start, end] = passExpression(cursor);
        return this.#cfa(1, start | origin, end);
      }
      case Op.ARGS_SIZE:
        cursor.uleb();
        return true;
      case Op.TOGGLE_SIGNATURE:
        // Signatures of arm64 are taken off whether or not there is one.
        return this.#machine.signsAddresses;
      default:
        return false;
    }
  }

  #cfa(isExpression: number, first: number, second: number): boolean {
    const state = this.#state;
    state[0] = isExpression;
    state[1] = first;
    state[2] = second;
    return state[1] === first && state[2] === second;
  }

  /** Columns of other registers than those kept here are passed over. */
  #column(register: number, kind: number, first: number, second = 0): boolean {
    if (register >= this.#machine.count) return true;
    const at = CFA_FIELDS + register * COLUMN_FIELDS;
    const state = this.#state;
    state[at] = kind;
    state[at + 1] = first;
    state[at + 2] = second;
    return state[at + 1] === first;
  }

  #expressionColumn(kind: number, cursor: ByteCursor, origin: number): boolean {
    const register = cursor.uleb();
    const [start, end] = passExpression(cursor);
    return this.#column(register, kind, start | origin, end);
  }

  #restore(register: number): boolean {
    const at = CFA_FIELDS + register * COLUMN_FIELDS;
    const initial = this.#initial;
    return this.#column(register, initial[at] ?? 0, initial[at + 1] ?? 0, initial[at + 2] ?? 0);
  }

  #remember(): boolean {
    if (this.#depth === MAX_REMEMBERED) return false;
    (this.#remembered[this.#depth++] ??= new Int32Array(this.#state.length)).set(this.#state);
    return true;
  }

  #recall(): boolean {
    if (this.#depth === 0) return false;
    this.#state.set(this.#remembered[--this.#depth]!);
    return true;
  }

  /** Writes the state as a rule. */
  #finish(address: number): number {
    const { common } = this.#entry!;
    const { count, pc, stackPointer } = this.#machine;
    const state = this.#state;
    const { rule } = this;
    const cfa = state[0] === 0 ? plainCfa(state[1]!, state[2]!) : this.#valueOf(state[1]!, state[2]!, address);
    if (!cfa || !this.#isValid(cfa)) return 0;
    const { returnColumn } = common;
    if (returnColumn >= count) return 0;
    const isRoot = state[CFA_FIELDS + returnColumn * COLUMN_FIELDS] === Column.Undefined;
    rule[RuleField.FLAGS] = (isRoot ? RuleFlag.Root : 0) | (common.isSignalFrame ? RuleFlag.Signal : 0);
    rule[RuleField.CFA_FORM] = cfa.form;
    rule[RuleField.CFA_BASE] = cfa.base;
    rule[RuleField.CFA_OFFSET] = cfa.offset;
    rule[RuleField.CFA_OUTER] = cfa.outer;
    rule[RuleField.RETURN] = returnColumn;
    let changed = 0;
    let at: number = RuleField.FIRST;
    for (let register = 0; register < count; register++) {
      const column = CFA_FIELDS + register * COLUMN_FIELDS;
      const kind = state[column]!;
      if (kind === Column.Same && (register !== returnColumn || returnColumn !== pc)) continue;
      // The return address has no column of its own on x86-64: one that isn't told is nowhere.
      if (kind === Column.Same) return 0;
      // The stack pointer of the caller is the CFA itself, unless a signal frame says otherwise.
      if (register === stackPointer && kind === Column.Undefined) continue;
      if (at + RESTORE_FIELDS > rule.length) return 0;
      const restored = this.#restored(kind, state[column + 1]!, state[column + 2]!, cfa, address);
      if (!restored) return 0;
      rule[at] = register;
      for (let field = 0; field < restored.length; field++) rule[at + 1 + field] = restored[field]!;
      at += RESTORE_FIELDS;
      changed++;
    }
    rule[RuleField.COUNT] = changed;
    return at;
  }

  /** `Restore`, base, offset, outer; undefined for what can't be told so. */
  #restored(
    kind: number,
    first: number,
    second: number,
    cfa: SymbolicValue,
    address: number,
  ): readonly number[] | undefined {
    switch (kind) {
      case Column.Offset:
        return [Restore.AtCfa, 0, first, 0];
      case Column.ValueOffset:
        return [Restore.Cfa, 0, first, 0];
      case Column.Register:
        return first < this.#machine.count ? [Restore.Value + ValueForm.Register, first, 0, 0] : undefined;
      case Column.Expression:
      case Column.ValueExpression: {
        const value = this.#valueOf(first, second, address, cfa);
        if (!value || !this.#isValid(value)) return undefined;
        const where = kind === Column.Expression ? Restore.At : Restore.Value;
        return [where + value.form, value.base, value.offset, value.outer];
      }
      default:
        return [Restore.Unknown, 0, 0, 0];
    }
  }

  #valueOf(start: number, end: number, address: number, initial?: SymbolicValue): SymbolicValue | undefined {
    const { bytes, common } = this.#entry!;
    const source = (start & IN_COMMON) !== 0 ? common.bytes : bytes;
    const place = { address, pc: this.#machine.pc };
    return evaluateSymbolically(source, start & ~IN_COMMON, end, place, initial);
  }

  /** Whether it refers to a register that is kept, by numbers that fit in a rule. */
  #isValid({ form, base, offset, outer }: SymbolicValue): boolean {
    if (form === ValueForm.Constant) return false;
    return base >= 0 && base < this.#machine.count && (offset | 0) === offset && (outer | 0) === outer;
  }
}

function plainCfa(base: number, offset: number): SymbolicValue {
  return { form: ValueForm.Register, base, offset, outer: 0 };
}

/** Passes over an expression, and says where it begins and ends. */
function passExpression(cursor: ByteCursor): readonly [start: number, end: number] {
  const length = cursor.uleb();
  const start = cursor.at;
  cursor.skip(length);
  return [start, cursor.at];
}
