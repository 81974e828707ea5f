import type { ElfFile } from "../elf/elf-file.ts";
import { FrameEntries } from "./frame-entries.ts";
import { FrameProgram } from "./frame-program.ts";
import { type FunctionSearch, openFunctionSearch } from "./function-search.ts";
import { MACHINE_REGISTERS, type MachineRegisters } from "./machine-registers.ts";
import type { RuleTable } from "./unwind-rule.ts";

/** What takes the place of a rule's number where there is none. */
export const NoRule = {
  /** The file tells nothing of that address. */
  Missing: -1,
  /** What it tells can't be read, or says more than rules can hold. */
  Malformed: -2,
} as const;

/** Programs are run one at a time: all files of a machine share the memory for it. */
const PROGRAMS = new Map<MachineRegisters, FrameProgram>();

/**
 * How the frames of one file's code are unwound, as its `.eh_frame` says it. Keeps next to nothing of it: an address is
 * looked up in the file when it's asked for (5 to 30 µs), and whoever asks remembers the answer.
 */
export class UnwindTables {
  readonly machine: MachineRegisters;
  readonly #entries: FrameEntries;
  readonly #search: FunctionSearch;
  /** @internal Which file this is in the unwinder's cache, and in which generation of it. */
  cacheNumber = 0;
  cacheGeneration = -1;

  private constructor(machine: MachineRegisters, entries: FrameEntries, search: FunctionSearch) {
    this.machine = machine;
    this.#entries = entries;
    this.#search = search;
  }

  /** Undefined if the file has no unwind data. It must stay open as long as the tables are used. */
  static open(elf: ElfFile): UnwindTables | undefined {
    const entries = new FrameEntries(elf.source);
    const search = openFunctionSearch(elf, entries);
    return search && new UnwindTables(MACHINE_REGISTERS[elf.machine], entries, search);
  }

  /** Functions that have unwind data. */
  get functions(): number {
    return this.#search.functions;
  }

  get memoryBytes(): number {
    return this.#search.memoryBytes;
  }

  /** The number in `rules` of the rule at a virtual address, or one of `NoRule`. */
  ruleAt(address: number, rules: RuleTable): number {
    const place = this.#search.find(address);
    const entry = place && this.#entries.functionAt(place.position, place.address);
    if (!entry) return place ? NoRule.Malformed : NoRule.Missing;
    if (address < entry.start || address >= entry.end) return NoRule.Missing;
    const program = programOf(this.machine);
    const fields = program.run(entry, address);
    return fields === 0 ? NoRule.Malformed : rules.intern(program.rule, fields);
  }
}

function programOf(machine: MachineRegisters): FrameProgram {
  let program = PROGRAMS.get(machine);
  if (!program) {
    program = new FrameProgram(machine);
    PROGRAMS.set(machine, program);
  }
  return program;
}
