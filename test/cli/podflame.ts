import { spawn, type ChildProcess } from "node:child_process";
import { join, resolve } from "node:path";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { onTestFinished } from "vitest";

export const ROOT = resolve(import.meta.dirname, "../..");

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How it is started. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Capabilities that it must not have, as setpriv(1) calls them. Takes root. */
  readonly without?: readonly string[];
  /** Of several tests: whoever starts it kills it. */
  readonly isShared?: boolean;
}

/** `bin/podflame` as its users start it. It's killed at the end of the test if it still runs, unless it's shared. */
export class Podflame {
  stdout = "";
  stderr = "";
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #waiting: (() => void)[] = [];

  constructor(args: readonly string[], options: StartOptions = {}) {
    const words = [join(ROOT, "bin/podflame"), ...args];
    if (options.without) {
      words.unshift("setpriv", `--bounding-set=${options.without.map((name) => `-${name}`).join(",")}`);
    }
    const child = spawn(words[0]!, words.slice(1), {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const wake = (): void => {
      for (const check of this.#waiting) check();
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      wake();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      wake();
    });
    this.ended = new Promise((done) => {
      child.on("close", (code) => {
        done({ code, stdout: this.stdout, stderr: this.stderr });
        wake();
      });
    });
    if (options.isShared === true) return;
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await this.ended;
    });
  }

  /** As `| head` does. */
  closeStdout(): void {
    this.#child.stdout?.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves once the stream holds what is looked for; rejects when the process ends without it. */
  async shows(stream: "stdout" | "stderr", wanted: RegExp): Promise<void> {
    let waiting: (() => void) | undefined;
    await new Promise<void>((found, failed) => {
      waiting = (): void => {
        if (wanted.test(this[stream])) found();
        else if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
          failed(new Error(`ended without ${wanted} on ${stream}:\n${this.stdout}\n${this.stderr}`));
        }
      };
      this.#waiting.push(waiting);
      waiting();
    });
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
  }
}

/** Runs to the end. */
export function podflame(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return new Podflame(args, options).ended;
}

/** Where the page of `up`, `view` or `gateway` is, once it's served. */
export async function pageOf(process: Podflame): Promise<string> {
  const told = /(?:Open |"url":")(http:\/\/[^ "]+\/)/;
  await process.shows("stderr", told);
  return told.exec(process.stderr)![1]!;
}

/** What the API behind a page answers. */
export async function answerOf(page: string, path: string): Promise<unknown> {
  const response = await fetch(new URL(`api/v1/${path}`, page));
  return response.json();
}

/** Rows of the tree of all that a page can show. */
export async function rowsOf(page: string): Promise<readonly { level: string; name: string; cores?: number }[]> {
  const answer = (await answerOf(page, "tree?from=now-15m&to=now")) as { rows?: { level: string; name: string }[] };
  return answer.rows ?? [];
}

/** A folder with these files; gone after the test. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "podflame-cli-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}
