import { fail } from "./budget.ts";
import { Cursor } from "./cursor.ts";

/** What stands for characters that assemblers don't take. */
const ESCAPES: ReadonlyMap<string, string> = new Map(
  Object.entries({ SP: "@", BP: "*", RF: "&", LT: "<", GT: ">", LP: "(", RP: ")", C: "," }),
);

/**
 * Reads a name of Rust's older scheme: a nested C++ name whose last part is a hash, which is left out. Ends by
 * `Unreadable` when it is none.
 */
export function demangleRustLegacy(name: string): string {
  const cursor = new Cursor(name, "_ZN".length);
  const parts: string[] = [];
  while (!cursor.take("E")) parts.push(cursor.counted());
  if (cursor.peek() !== "" && cursor.peek() !== ".") fail();
  if (!/^h[0-9a-f]{16}$/.test(parts.pop() ?? "")) fail();
  if (parts.length === 0) fail();
  return parts.map(unescaped).join("::") + rustSuffix(name.slice(cursor.at));
}

/** What follows a mangled name: left out if it's only there to tell copies apart. */
export function rustSuffix(suffix: string): string {
  return /^\.(?:llvm\.)?[0-9A-F@]+$/.test(suffix) ? "" : suffix;
}

function unescaped(part: string): string {
  // A name may not begin with $, so that an underscore is put ahead.
  const text = part.startsWith("_$") ? part.slice(1) : part;
  return text.replace(/\.\.|\$([A-Z]+|u[0-9a-f]{1,6})\$/g, (whole, escape: string | undefined) => {
    if (escape === undefined) return "::";
    if (escape.startsWith("u")) {
      const code = parseInt(escape.slice(1), 16);
      return code >= 0x20 && code <= 0x10ffff && code !== 0x7f ? String.fromCodePoint(code) : fail();
    }
    return ESCAPES.get(escape) ?? whole;
  });
}
