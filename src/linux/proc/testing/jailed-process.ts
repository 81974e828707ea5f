import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasProgram } from "../../../../test/has-program.ts";

/** Whether processes with a root directory of their own can be made here. */
export function canJail(): boolean {
  if (process.getuid?.() === 0) return hasProgram("/bin/busybox", "true") && hasProgram("unshare", "--version");
  if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error("root is missing");
  process.stderr.write("SKIPPED: tests that need root\n");
  return false;
}

/** A process that sleeps in a root directory of its own, as one in a container does. */
export class JailedProcess {
  /** Its root, from outside. */
  readonly root: string;
  readonly #child: ChildProcess;

  private constructor(root: string, child: ChildProcess) {
    this.root = root;
    this.#child = child;
  }

  /**
   * @param prepare fills the root; given its path from outside
   * @param mount commands of a shell that mount something on the root, `$0`, in a mount namespace of the process's own,
   *   with which it ends
   */
  static async start(prepare?: (root: string) => void, mount = ":"): Promise<JailedProcess> {
    const root = mkdtempSync(join(tmpdir(), "podflame-jail-"));
    for (const folder of ["bin", "tmp", "etc"]) mkdirSync(join(root, folder));
    copyFileSync("/bin/busybox", join(root, "bin/busybox"));
    symlinkSync("busybox", join(root, "bin/sh"));
    prepare?.(root);
    const script = `set -e; ${mount}; exec chroot "$0" /bin/busybox sh -c "echo running; read line"`;
    const args = ["--mount", "--propagation", "private", "sh", "-c", script, root];
    const child = spawn("unshare", args, { stdio: ["pipe", "pipe", "inherit"] });
    await once(child.stdout, "data");
    return new JailedProcess(root, child);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** A path of its own, from outside. */
  path(path: string): string {
    return join(this.root, path);
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.end();
    rmSync(this.root, { recursive: true });
  }
}

/** Makes a FIFO or a device. */
export function makeNode(path: string, ...type: readonly string[]): void {
  execFileSync("mknod", [path, ...type]);
}
