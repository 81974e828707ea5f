import type { SymbolFrame } from "../frame.ts";

/**
 * Where the pc of a frame lies, as the process's mappings tell: in memory that V8 generated code into, or in a file (the
 * node binary holds V8's builtins, its interpreter among them).
 */
export type FramePlace =
  | {
      readonly kind: "generated";
      /** First address of the anonymous executable mapping: the search for a code object stops there. */
      readonly start: number;
    }
  | {
      readonly kind: "file";
      /** What the file's symbol table says of the pc; `systemName ?? functionName` tells V8's builtins (`Builtins_…`). */
      readonly symbol: SymbolFrame | undefined;
    };
