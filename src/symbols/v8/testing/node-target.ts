import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, realpathSync } from "node:fs";
import { createInterface } from "node:readline";
import type { SymbolFrame } from "../../frame.ts";
import { type NativeSymbols, openNativeSymbols } from "../../native/native-symbols.ts";
import { SymbolProblem } from "../../symbol-problem.ts";
import { elfAt } from "../../testing/programs.ts";
import type { ElfFile } from "../../elf/elf-file.ts";
import type { FramePlace } from "../frame-place.ts";
import { readV8Layout, type V8Layout } from "../layout.ts";
import { V8_FRAME_HALVES, V8Names } from "../v8-names.ts";
import { type TestMapping, type TestStack, TracedProcess } from "./traced-process.ts";

/**
 * Node binaries to test with, and their versions: this process's own, the system's, and those in PODFLAME_TEST_NODES
 * (paths with colons between them).
 */
export function nodeBinaries(): { readonly path: string; readonly version: string }[] {
  const wanted = [process.execPath, "/usr/bin/node", ...(process.env["PODFLAME_TEST_NODES"] ?? "").split(":")];
  const paths = new Set(wanted.filter((path) => path !== "" && existsSync(path)).map((path) => realpathSync(path)));
  return [...paths].map((path) => ({ path, version: execFileSync(path, ["-p", "process.version"]).toString().trim() }));
}

/** What was found of one sample: for each frame of the stack what V8 says, else what the file says. */
export interface NamedStack {
  /** All frames, innermost first, inlined ones included. */
  readonly frames: readonly SymbolFrame[];
  /** Those of functions in JavaScript, builtins left out. */
  readonly javaScript: readonly SymbolFrame[];
}

/** A Node process that runs a script, and names for its stacks. */
export class NodeTarget implements AsyncDisposable {
  readonly names: V8Names;
  readonly layout: V8Layout;
  readonly traced: TracedProcess;
  /** First line that the script printed. */
  readonly firstLine: string;
  readonly #child: ChildProcess;
  readonly #elf: ElfFile;
  readonly #symbols: NativeSymbols;
  readonly #binary: string;

  private constructor(
    child: ChildProcess,
    firstLine: string,
    binary: string,
    elf: ElfFile,
    layout: V8Layout,
    symbols: NativeSymbols,
  ) {
    this.#child = child;
    this.firstLine = firstLine;
    this.#binary = binary;
    this.#elf = elf;
    this.#symbols = symbols;
    this.layout = layout;
    this.traced = new TracedProcess(child.pid!);
    this.names = new V8Names(layout, this.traced.memory);
  }

  /** Starts the script and waits for its first line. */
  static async start(binary: string, script: string, ...options: readonly string[]): Promise<NodeTarget> {
    const elf = elfAt(binary);
    const layout = readV8Layout(elf);
    if (layout instanceof SymbolProblem) throw new Error(layout.detail);
    const symbols = await openNativeSymbols(elf);
    const child = spawn(binary, [...options, script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(createInterface(child.stdout!), "line")) as [string];
    return new NodeTarget(child, line, binary, elf, layout, symbols);
  }

  /** Stops the process for a moment and names its stack. */
  sample(): NamedStack {
    const mappings = this.traced.mappings().filter(({ executable }) => executable);
    return this.traced.sample(this.layout, (stack) => this.#name(stack, mappings));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.traced[Symbol.dispose]();
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  #name(stack: TestStack, mappings: readonly TestMapping[]): NamedStack {
    const frames: SymbolFrame[] = [];
    const javaScript: SymbolFrame[] = [];
    for (let index = 0; index < stack.frames; index++) {
      const at = index * V8_FRAME_HALVES;
      const isLeaf = index === 0;
      const place = this.#place(stack.words[at]! + stack.words[at + 1]! * 2 ** 32 - (isLeaf ? 0 : 1), mappings);
      const symbol = place.kind === "file" ? place.symbol : undefined;
      const named = this.names.frames(stack.words, at, isLeaf, place);
      frames.push(...(named ?? (symbol ? [symbol] : [])));
      javaScript.push(...(named ?? []).filter((frame) => frame.fileName !== undefined || frame.startLine > 0));
    }
    return { frames, javaScript };
  }

  #place(pc: number, mappings: readonly TestMapping[]): FramePlace {
    const mapping = mappings.find(({ start, end }) => pc >= start && pc < end);
    if (mapping?.path === "") return { kind: "generated", start: mapping.start };
    if (mapping?.path !== this.#binary) {
      return { kind: "file", symbol: { functionName: mapping?.path ?? "unmapped", line: 0, startLine: 0 } };
    }
    const address = this.#elf.toVirtualAddress(pc - mapping.start + mapping.fileOffset);
    const found = address === undefined ? undefined : this.#symbols.find(address);
    return {
      kind: "file",
      symbol: found && { functionName: found.name, systemName: found.systemName, line: 0, startLine: 0 },
    };
  }
}
