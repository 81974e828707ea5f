/**
 * One frame as a person reads it. An address with inlined functions gives several, innermost first; all but the last
 * were inlined into the next.
 */
export interface SymbolFrame {
  /** Demangled where it was mangled; empty where only the file is known. */
  readonly functionName: string;
  /** As the compiler or the runtime wrote it, e.g. `v8::internal::Heap::…`; undefined if the same as `functionName`. */
  readonly systemName?: string | undefined;
  /** Source file; undefined if unknown. */
  readonly fileName?: string | undefined;
  /** 1-based; 0 if unknown. */
  readonly line: number;
  /** 1-based line where the function begins; 0 if unknown. */
  readonly startLine: number;
}
