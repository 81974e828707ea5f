/** The programs that tests sample: compiled from `test/agent/workloads` when they're asked for, linked statically. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { REPOSITORY } from "../../peers/locations.ts";

const run = promisify(execFile);
const SOURCES = resolve(import.meta.dirname, "../workloads");

const GCC = ["gcc", "-O2", "-static"] as const;
const RUSTC = ["rustc", "-O", "-Ctarget-feature=+crt-static", "-Cforce-frame-pointers=yes"] as const;

/** How each is compiled to the path `out`. */
const COMMANDS = {
  /** C, with frame pointers. */
  burn: (out) => [...GCC, "-fno-omit-frame-pointer", source("burn.c"), "-o", out],
  /** The same without. */
  "burn-omit": (out) => [...GCC, "-fomit-frame-pointer", source("burn.c"), "-o", out],
  /** The same with frame pointers and without symbols. */
  "burn-stripped": (out) => [...GCC, "-fno-omit-frame-pointer", "-s", source("burn.c"), "-o", out],
  nap: (out) => [...GCC, "-fno-omit-frame-pointer", source("nap.c"), "-o", out],
  restless: (out) => [...GCC, "-fno-omit-frame-pointer", source("restless.c"), "-o", out],
  pieces: (out) => [...GCC, "-fno-omit-frame-pointer", source("pieces.c"), "-o", out],
  jit: (out) => [...GCC, "-fno-omit-frame-pointer", source("jit.c"), "-o", out],
  "burn-cpp": (out) => ["g++", "-O2", "-static", "-fno-omit-frame-pointer", source("burn.cpp"), "-o", out],
  "burn-rust": (out) => [...RUSTC, "-Csymbol-mangling-version=v0", source("burn.rs"), "-o", out],
  /** Without frame pointers, as distributions compile; linked to the machine's own C library. */
  callers: (out) => ["gcc", "-O2", "-fomit-frame-pointer", source("callers.c"), "-lm", "-pthread", "-o", out],
  /** The program with frame pointers, its libraries without. */
  "callers-fp": (out) => ["gcc", "-O2", "-fno-omit-frame-pointer", source("callers.c"), "-lm", "-pthread", "-o", out],
  "callers-static": (out) => [...GCC, "-fomit-frame-pointer", source("callers.c"), "-lm", "-pthread", "-o", out],
  "callers-musl": (out) => ["musl-gcc", "-O2", source("callers.c"), "-lm", "-pthread", "-o", out],
  throwing: (out) => ["g++", "-O2", "-fomit-frame-pointer", source("throwing.cpp"), "-pthread", "-o", out],
  "burn-rust-omit": (out) => ["rustc", "-O", source("burn.rs"), "-o", out],
  /** Exports what CPython exports, by which it's known. */
  "hostile-python3": (out) => ["gcc", "-O1", "-rdynamic", source("hostile_python.c"), "-pthread", "-o", out],
  embedding: (out) => ["gcc", "-O2", source("embedding.c"), "-ldl", "-o", out],
  /** Go that calls C, which has no frame pointers. */
  "burn-cgo": (out) => ["go", "build", "-o", out, source("burn_cgo.go")],
  "burn-go": (out) => ["go", "build", "-o", out, source("burn.go")],
  /** Go as releases are built: without the ELF symbol table and DWARF. */
  "burn-go-stripped": (out) => ["go", "build", "-ldflags=-s -w", "-o", out, source("burn.go")],
} as const satisfies Readonly<Record<string, (out: string) => readonly string[]>>;

export type WorkloadName = keyof typeof COMMANDS;

/** What a workload prints last. */
export interface Account {
  /** CPU time between `ready` and the end, in nanoseconds. */
  readonly totalNs: number;
  /** CPU time of each function that had a share. */
  readonly spentNs: Readonly<Record<string, number>>;
}

/** A folder of compiled workloads; disposing of it removes it. */
export class Workloads implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "podflame-workloads-"));
  readonly #built = new Map<WorkloadName, Promise<string>>();

  /** Compiles a workload, the first time; resolves with the path of the program. */
  build(name: WorkloadName): Promise<string> {
    let path = this.#built.get(name);
    if (path === undefined) {
      path = this.#compile(name);
      this.#built.set(name, path);
    }
    return path;
  }

  /** A workload in JavaScript, its types stripped; line numbers stay. */
  script(name: "burn" | "busy" = "burn"): string {
    const path = join(this.#folder, `${name}.mjs`);
    writeFileSync(path, stripTypeScriptTypes(readFileSync(source(`${name}.ts`), "utf8")));
    return path;
  }

  /** Path of a workload in Python, which runs as it is. */
  python(name: "busy" | "interlocked" | "interpreters" = "busy"): string {
    return source(`${name}.py`);
  }

  async #compile(name: WorkloadName): Promise<string> {
    const program = join(this.#folder, name);
    const [compiler = "", ...args]: readonly string[] = COMMANDS[name](program);
    const CGO_ENABLED = name === "burn-cgo" ? "1" : "0";
    await run(compiler, args, { env: { ...process.env, CGO_ENABLED } });
    return program;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Reads the account at the end of what a workload printed. */
export function accountOf(output: string): Account {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) throw new Error(`no account in ${JSON.stringify(output.slice(-500))}`);
  return JSON.parse(line) as Account;
}

/** Percent of its CPU time that each function really had. */
export function trueShares(account: Account): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(account.spentNs).map(([name, ns]) => [name, (ns / account.totalNs) * 100]));
}

/** Node as containers see it by `NODE_MOUNTS`. */
export const NODE_IN_CONTAINER = "/opt/node/bin/node";

/** Read-only mounts (path in the container → path here) with which a container runs the Node that `npm ci` brought. */
export const NODE_MOUNTS: Readonly<Record<string, string>> = {
  "/opt/node": resolve(REPOSITORY, `node_modules/node-linux-${process.arch}`),
  // Where Debian and Ubuntu have the shared libraries that Node is linked with.
  "/lib64": "/lib64",
  "/lib/x86_64-linux-gnu": "/lib/x86_64-linux-gnu",
};

function source(name: string): string {
  return join(SOURCES, name);
}
