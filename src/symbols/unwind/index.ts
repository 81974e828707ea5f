/**
 * Callers of a frame, by the unwind data that compilers put into every executable (`.eh_frame`): copied registers and
 * stack in, addresses out. Start reading at `unwinder.ts`, then `unwind-tables.ts`.
 *
 * Left out deliberately: how stacks are copied and which file is mapped where (the caller knows), DWARF's `.debug_frame`
 * (it is in no release), and every guess: where the data ends, so does the stack.
 */
export {
  type CodeSpace,
  type CopiedStack,
  MAX_UNWOUND_FRAMES,
  type UnwindCode,
  UnwindEnd,
  Unwinder,
} from "./unwinder.ts";
export { UnwindTables } from "./unwind-tables.ts";
export { RuleTable } from "./unwind-rule.ts";
