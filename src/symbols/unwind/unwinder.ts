import { MACHINE_REGISTERS, type MachineRegisters } from "./machine-registers.ts";
import { RowCache, UNKNOWN_ROW } from "./row-cache.ts";
import { Restore, RESTORE_FIELDS, RuleField, RuleFlag, RuleTable, ValueForm } from "./unwind-rule.ts";
import { NoRule, type UnwindTables } from "./unwind-tables.ts";

/** How an unwinding ended. */
export const UnwindEnd = {
  /** Where the thread begins: the stack is complete. */
  Root: 0,
  /** At code that has no unwind data and keeps no frame pointers. */
  NoUnwindData: 1,
  /** At unwind data that can't be read. */
  BadUnwindData: 2,
  /** The stack goes on, but not so much of it was copied. */
  CopyEnd: 3,
  /** The next frame is on another stack: behind a signal's own, or a goroutine's. */
  OtherStack: 4,
  /** At an address that is no code. */
  NoCode: 5,
  /** At a frame that can't be one. */
  BadFrame: 6,
  /** There are more frames than are taken. */
  FrameLimit: 7,
} as const;

/** Frames of a stack that are followed at most. */
export const MAX_UNWOUND_FRAMES = 300;

/** What is mapped at an address: code of one file, or code that was generated. */
export interface UnwindCode {
  /** What to add to an address to get a virtual address of the tables. */
  readonly bias: number;
  /** Undefined if the code has none. */
  readonly tables: UnwindTables | undefined;
  /** Whether code without unwind data keeps frame pointers: what Go and V8 generate does. */
  readonly keepsFramePointers: boolean;
}

/** Which code is where in a process. */
export interface CodeSpace {
  /** Undefined for an address that isn't mapped, or can't be executed. */
  unwindCodeAt(address: number): UnwindCode | undefined;
}

/** Registers and stack of a thread, as 64-bit words in halves. Not changed, not kept. */
export interface CopiedStack {
  readonly words: Uint32Array;
  /** Index of the first register; they stand in DWARF's order. */
  readonly registersAt: number;
  /** Index of the word to which the stack pointer points. */
  readonly stackAt: number;
  readonly stackBytes: number;
  /** Where the thread's stack begins (its highest address); 0 if nobody knows. */
  readonly top: number;
  /** It is the process's first thread. */
  readonly isMainThread: boolean;
}

const HIGH = 2 ** 32;
/** What a step says that got to the caller. */
const GOES_ON = -1;
/** Bits of an address: what stands above are signatures (arm64). */
const ADDRESSES = 2 ** 48;
/**
 * How far below the top of the first thread's stack a frame without unwind data may end and still be the program's
 * beginning: the start code of C libraries that have no tables lies in between.
 */
const START_CODE_BYTES = 512;
/** Linux maps nothing below (`vm.mmap_min_addr`): smaller numbers in a register are no addresses. */
const LOWEST_MAPPING = 65_536;

/**
 * Follows copied stacks by the unwind data of the files on them. One for all processes: rules and rows are shared. Makes
 * no garbage once the rows of a program are known; 0.5 µs a frame then.
 */
export class Unwinder {
  readonly #machine: MachineRegisters;
  readonly rules = new RuleTable();
  readonly rows = new RowCache();
  readonly #registers: Float64Array;
  readonly #restored: Float64Array;
  /** Frames that the last `unwind` found. */
  count = 0;
  /**
   * Their addresses, leaf first: for callers the one to which is returned. The call before it is what stands on the
   * stack; where a frame was interrupted instead of calling, one is added so that the same holds.
   */
  readonly addresses = new Float64Array(MAX_UNWOUND_FRAMES);
  /** The frame pointer register in each of them. */
  readonly framePointers = new Float64Array(MAX_UNWOUND_FRAMES);
  /** Rows looked up in files since the start. */
  coldRows = 0;
  #stack: CopiedStack | undefined;
  #stackStart = 0;
  #stackEnd = 0;
  /** Why the last word couldn't be read. */
  #unreadable: number = UnwindEnd.BadFrame;

  constructor(machine: keyof typeof MACHINE_REGISTERS) {
    this.#machine = MACHINE_REGISTERS[machine];
    this.#registers = new Float64Array(this.#machine.count);
    this.#restored = new Float64Array(this.#machine.count);
  }

  /** 64-bit words of registers that it takes. */
  get registerWords(): number {
    return this.#machine.count;
  }

  /** Bytes of rules and rows. */
  get memoryBytes(): number {
    return this.rules.memoryBytes + this.rows.memoryBytes;
  }

  /**
   * Follows a stack; the frames are in `addresses` then, at least the leaf.
   *
   * @returns one of `UnwindEnd`
   */
  unwind(stack: CopiedStack, code: CodeSpace): number {
    const { pc, stackPointer, framePointer } = this.#machine;
    const registers = this.#registers;
    this.#begin(stack);
    let isExact = true;
    for (;;) {
      if (this.count === MAX_UNWOUND_FRAMES) return UnwindEnd.FrameLimit;
      const address = registers[pc]!;
      const lookedUp = isExact ? address : address - 1;
      const place = code.unwindCodeAt(lookedUp);
      if (!place && this.count > 0) return address === 0 ? UnwindEnd.Root : UnwindEnd.NoCode;
      this.addresses[this.count] = isExact && this.count > 0 ? address + 1 : address;
      this.framePointers[this.count++] = registers[framePointer]!;
      if (!place) return UnwindEnd.NoCode;

      const rule = place.tables ? this.#ruleAt(place.tables, lookedUp + place.bias) : NoRule.Missing;
      const before = registers[stackPointer]!;
      let end: number;
      if (rule >= 0) {
        const start = this.rules.startOf(rule);
        const flags = this.rules.fields[start]!;
        if ((flags & RuleFlag.Root) !== 0) return UnwindEnd.Root;
        isExact = (flags & RuleFlag.Signal) !== 0;
        end = this.#apply(start);
      } else if (rule === NoRule.Missing && place.keepsFramePointers) {
        isExact = false;
        end = this.#followFramePointer();
      } else {
        if (this.#isStart(before)) return UnwindEnd.Root;
        return rule === NoRule.Malformed ? UnwindEnd.BadUnwindData : UnwindEnd.NoUnwindData;
      }
      if (end !== GOES_ON) return end;
      // Callers' frames lie above, but for where a signal has a stack of its own.
      if (!(registers[stackPointer]! > before) && !isExact) return UnwindEnd.BadFrame;
      if (isExact && !this.#isOnStack(registers[stackPointer]!)) {
        return this.#unreadableAt(registers[stackPointer]!);
      }
    }
  }

  #begin(stack: CopiedStack): void {
    const { words, registersAt } = stack;
    const registers = this.#registers;
    for (let register = 0; register < registers.length; register++) {
      registers[register] = words[registersAt + 2 * register]! + words[registersAt + 2 * register + 1]! * HIGH;
    }
    this.#stack = stack;
    this.#stackStart = registers[this.#machine.stackPointer]!;
    this.#stackEnd = this.#stackStart + stack.stackBytes;
    this.count = 0;
  }

  /** The rule at a virtual address of a file, or one of `NoRule`. */
  #ruleAt(tables: UnwindTables, address: number): number {
    const { rows, rules } = this;
    if (tables.cacheGeneration !== rows.generation) {
      tables.cacheNumber = rows.addFile();
      tables.cacheGeneration = rows.generation;
    }
    const known = rows.find(tables.cacheNumber, address);
    if (known !== UNKNOWN_ROW) return known;
    if (rules.isFull) {
      rules.clear();
      rows.clear();
      return this.#ruleAt(tables, address);
    }
    this.coldRows++;
    const rule = tables.machine === this.#machine ? tables.ruleAt(address, rules) : NoRule.Missing;
    rows.put(tables.cacheNumber, address, rule);
    return rule;
  }

  /** Makes the registers those of the caller; `GOES_ON`, or why it can't. */
  #apply(start: number): number {
    const { fields } = this.rules;
    const { pc, stackPointer } = this.#machine;
    const registers = this.#registers;
    const restored = this.#restored;
    const cfa = this.#value(
      fields[start + RuleField.CFA_FORM]!,
      fields[start + RuleField.CFA_BASE]!,
      fields[start + RuleField.CFA_OFFSET]!,
      fields[start + RuleField.CFA_OUTER]!,
    );
    if (Number.isNaN(cfa)) return this.#unreadable;
    restored.set(registers);
    restored[stackPointer] = cfa;
    const count = fields[start + RuleField.COUNT]!;
    for (let at = start + RuleField.FIRST, left = count; left > 0; at += RESTORE_FIELDS, left--) {
      const value = this.#restoredValue(at, cfa);
      if (Number.isNaN(value)) return this.#unreadable;
      restored[fields[at]!] = value;
    }
    const address = restored[fields[start + RuleField.RETURN]!]!;
    restored[pc] = this.#machine.signsAddresses ? address % ADDRESSES : address;
    registers.set(restored);
    return GOES_ON;
  }

  #restoredValue(at: number, cfa: number): number {
    const { fields } = this.rules;
    const how = fields[at + 1]!;
    const base = fields[at + 2]!;
    const offset = fields[at + 3]!;
    if (how === Restore.AtCfa) {
      // Below the stack pointer: the function is about to return and has taken it off the stack already.
      const isTaken = cfa + offset < this.#registers[this.#machine.stackPointer]!;
      return isTaken ? this.#registers[fields[at]!]! : this.#wordAt(cfa + offset);
    }
    if (how === Restore.Cfa) return cfa + offset;
    // Nobody may use it; what would be a wild address is an unreadable one.
    if (how === Restore.Unknown) return 0;
    if (how >= Restore.Value) return this.#value(how - Restore.Value, base, offset, fields[at + 4]!);
    const address = this.#value(how - Restore.At, base, offset, fields[at + 4]!);
    return Number.isNaN(address) ? NaN : this.#wordAt(address);
  }

  #value(form: number, base: number, offset: number, outer: number): number {
    const address = this.#registers[base]! + offset;
    return form === ValueForm.Memory ? this.#wordAt(address) + outer : address;
  }

  /** A frame that begins with the caller's frame pointer and the return address, wherever the stack pointer is. */
  #followFramePointer(): number {
    const { pc, stackPointer, framePointer, signsAddresses } = this.#machine;
    const registers = this.#registers;
    const frame = registers[framePointer]!;
    // What goroutines begin with.
    if (frame === 0 && this.count > 1) return UnwindEnd.Root;
    // A goroutine's, where Go calls C: those stacks are part of the heap, below the threads'.
    if (frame < registers[stackPointer]!) {
      return frame >= LOWEST_MAPPING && frame % 8 === 0 ? this.#unreadableAt(frame) : UnwindEnd.BadFrame;
    }
    const caller = this.#wordAt(frame);
    const address = this.#wordAt(frame + 8);
    if (Number.isNaN(caller) || Number.isNaN(address)) return this.#unreadable;
    registers[framePointer] = caller;
    registers[pc] = signsAddresses ? address % ADDRESSES : address;
    registers[stackPointer] = frame + 16;
    return GOES_ON;
  }

  /** The word at an address; NaN outside of the copy. */
  #wordAt(address: number): number {
    const within = address - this.#stackStart;
    if (!(within >= 0 && address + 8 <= this.#stackEnd) || within % 8 !== 0) {
      this.#unreadable = this.#unreadableAt(address);
      return NaN;
    }
    const { words, stackAt } = this.#stack!;
    const at = stackAt + within / 4;
    return words[at]! + words[at + 1]! * HIGH;
  }

  #isOnStack(address: number): boolean {
    return address >= this.#stackStart && address < this.#stackEnd;
  }

  #unreadableAt(address: number): number {
    const { top } = this.#stack!;
    if (this.#isOnStack(address)) return UnwindEnd.BadFrame;
    return address >= this.#stackEnd && address < top ? UnwindEnd.CopyEnd : UnwindEnd.OtherStack;
  }

  /** Whether a frame that ends there can only be the program's beginning. */
  #isStart(end: number): boolean {
    const { top, isMainThread } = this.#stack!;
    return isMainThread && this.count > 1 && top !== 0 && end <= top && top - end <= START_CODE_BYTES;
  }
}
