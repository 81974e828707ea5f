import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Command } from "commander";
import { createApi, serve, type ServedApi, type ServedFile } from "#query";
import { MemoryStore } from "#store";
import { VERSION } from "#telemetry";
import { ExitCode, Fault } from "./exit.ts";
import { ROOT } from "./install.ts";
import { openBrowser } from "./open-browser.ts";
import { hostPortOption, type HostPort, listenFault, shownAddress } from "./ports.ts";

interface ViewFlags {
  readonly listen: HostPort;
  readonly open: boolean;
}

/** Browsers can't hold more of one file in memory. */
const MAX_FILE_BYTES = 2 ** 31;
const DEFAULT_LISTEN: HostPort = { host: "127.0.0.1", port: 0 };

export function define(command: Command): void {
  command
    .description(
      "Show files with profiles on a page: OTLP of any layout, pprof, folded stacks, speedscope, perf script and more.\n" +
        "The page reads them in the browser; nothing leaves this machine.",
    )
    .argument("<files...>", "files with profiles")
    .option("--listen <host:port>", "the page is there (default: 127.0.0.1, any port)", hostPortOption, DEFAULT_LISTEN)
    .option("--no-open", "don't open a browser")
    .addHelpText(
      "after",
      `
Examples:
  podflame view cpu.pprof
  podflame view --listen 127.0.0.1:4040 --no-open before.pb after.pb`,
    )
    .action((files: string[], flags: ViewFlags) => view(files, flags));
}

async function view(paths: readonly string[], { listen, open }: ViewFlags): Promise<void> {
  const files = await Promise.all(paths.map(servedFile));
  const store = await MemoryStore.open();
  const app = createApi({
    store,
    status: () => ({ version: VERSION, mode: { kind: "files", reason: "", remedy: "" } }),
    files,
    assets: join(ROOT, "dist", "web"),
  });
  const served = await listening(() => serve(app, listen), listen);
  process.stderr.write(`podflame: Open ${served.url} in a browser. Ctrl-C ends it.\n`);
  if (open) openBrowser(served.url);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await served.close();
  await store.close();
}

async function servedFile(path: string): Promise<ServedFile> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "ENOENT" ? "there is no such file" : error.message;
    throw new Fault(ExitCode.USER, `${path}: ${why}`, { cause: error });
  });
  if (!found.isFile()) throw new Fault(ExitCode.USER, `${path}: is no file`);
  if (found.size >= MAX_FILE_BYTES)
    throw new Fault(ExitCode.USER, `${path}: is larger than a browser can read (2 GiB)`);
  return { name: basename(path), bytes: found.size, read: () => readFile(path) };
}

async function listening(start: () => Promise<ServedApi>, listen: HostPort): Promise<ServedApi> {
  try {
    return await start();
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== "EADDRINUSE") throw listenFault(caught, listen) ?? caught;
    throw new Fault(ExitCode.USER, `${shownAddress(listen)} is taken by another process; choose another: --listen`, {
      cause: caught,
    });
  }
}
