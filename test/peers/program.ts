import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export interface ProgramOptions {
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Runs on this CPU only (`taskset`), children included. */
  readonly cpu?: number;
}

/** Programs that still run; ended when this process ends, whatever the reason. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A program started by a test or benchmark: its output is kept, and it does not outlive this process. */
export class Program {
  readonly name: string;
  /** `performance.now()` just before the start. */
  readonly startedAt = performance.now();
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";

  constructor(name: string, command: string, args: readonly string[], options: ProgramOptions = {}) {
    this.name = name;
    const pinned = options.cpu === undefined ? [] : ["taskset", "-c", String(options.cpu)];
    const [program = command, ...rest] = [...pinned, command, ...args];
    this.#child = spawn(program, rest, {
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(this.#child);
    this.#child.once("close", () => running.delete(this.#child));
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
  }

  /** Process id; `taskset` and the launcher of podflame replace themselves, so it is the program's own. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name}: could not be started`);
    return this.#child.pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits for the program's own end; rejects with its output when the exit code is not 0. */
  async done(): Promise<string> {
    if (!this.ended) await once(this.#child, "close");
    if (this.#child.exitCode !== 0) throw this.#failure(`ended with ${this.#child.exitCode ?? this.#child.signalCode}`);
    return this.#stdout;
  }

  /** Resolves as soon as something listens on the port of 127.0.0.1; rejects when the program ends first. */
  async listening(port: number, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await accepts(port))) {
      if (this.ended) throw this.#failure(`ended before it listened on port ${port}`);
      if (performance.now() > deadline) throw this.#failure(`does not listen on port ${port} after ${timeoutMs} ms`);
      await delay(3);
    }
  }

  /** Asks the program to end, insists after ten seconds, and resolves with its standard output. */
  async stop(): Promise<string> {
    if (this.ended) return this.#stdout;
    const closed = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    const insist = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await closed;
    clearTimeout(insist);
    return this.#stdout;
  }

  #failure(what: string): Error {
    return new Error(`${this.name} ${what}\n${`${this.#stdout}\n${this.#stderr}`.trim().slice(-2000)}`);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      settle(true);
    });
    socket.once("error", () => settle(false));
  });
}

/** Polls until the condition holds; rejects with what was waited for. */
export async function until(what: string, holds: () => boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await delay(5);
  }
}
