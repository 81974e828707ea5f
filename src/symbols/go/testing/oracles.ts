import type { SymbolFrame } from "../../frame.ts";
import { filter } from "../../testing/programs.ts";

/** Functions at an address, innermost first: `name file:line`; only the name where there is no line. */
export type Chain = readonly string[];

/** What we say, written as the oracles' answers are. */
export function chainOf(frames: readonly SymbolFrame[] | undefined): Chain {
  return (frames ?? []).map(({ functionName, fileName, line }) => link(functionName, fileName, line));
}

/** `go tool addr2line`: the outermost function's name, and the innermost's file and line. */
export function goAddr2line(binary: string, addresses: readonly number[]): { name: string; place: string }[] {
  const lines = filter("go", ["tool", "addr2line", binary], addresses.map(hex));
  return addresses.map((_, index) => ({ name: lines[2 * index]!, place: lines[2 * index + 1]! }));
}

/** `llvm-symbolizer`: everything, from the debug information, which the compiler writes independently of the table. */
export function llvmChains(binary: string, addresses: readonly number[]): Chain[] {
  const args = [`--obj=${binary}`, "--inlines", "--functions=linkage"];
  const answers = filter("llvm-symbolizer", args, addresses.map(hex)).join("\n").split("\n\n");
  return answers.slice(0, addresses.length).map((answer) => {
    const lines = answer.split("\n").filter((line) => line !== "");
    return Array.from({ length: lines.length / 2 }, (_, index) => {
      const [, file, line] = /^(.*):(\d+):\d+$/.exec(lines[2 * index + 1]!) ?? [];
      return link(lines[2 * index]!, file, Number(line));
    });
  });
}

function link(name: string, file: string | undefined, line: number): string {
  // The table leaves out what a generic function was made for; generated code has a file of no folder.
  const generic = name.replaceAll(/\[[^[\]]*(?:\[[^[\]]*\][^[\]]*)*\]/g, "[…]");
  return line > 0 ? `${generic} ${file?.replace(/^(?:\.\/)+/, "")}:${line}` : generic;
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
