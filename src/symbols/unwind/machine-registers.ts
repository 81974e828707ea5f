import type { ElfFile } from "../elf/elf-file.ts";

/** Registers of a machine by their DWARF numbers. What else DWARF numbers (vectors, flags) never leads to a caller. */
export interface MachineRegisters {
  /** General registers, and whatever stands behind them up to the one below `pc`: unwinding keeps so many values. */
  readonly count: number;
  readonly stackPointer: number;
  readonly framePointer: number;
  /** Where the address of the instruction is kept; on x86-64 it is also the column of the return address. */
  readonly pc: number;
  /** Return addresses carry signatures in the bits from 2^48 on. */
  readonly signsAddresses: boolean;
}

/**
 * System V ABI, AMD64 supplement, figure 3.36; DWARF for the Arm 64-bit architecture, table 3 (x0–x30, sp, and the pc at
 * 32 as bpf/record.h writes it). Those of arm64 are untested.
 */
export const MACHINE_REGISTERS: Readonly<Record<ElfFile["machine"], MachineRegisters>> = {
  x86_64: { count: 17, stackPointer: 7, framePointer: 6, pc: 16, signsAddresses: false },
  arm64: { count: 33, stackPointer: 31, framePointer: 29, pc: 32, signsAddresses: true },
};
