/** Files that are open in this page: dropped, chosen, or served by `podflame view`. */
import { signal } from "@preact/signals";
import type { StatusAnswer } from "../../../src/query/api.ts";
import { ApiError, getBytes } from "../api/client.ts";
import type { FileProgress, OpenedFile } from "../files/index.ts";
import { Loader } from "../state/loading.ts";
import { navigate } from "../state/page.ts";

/** A file in the list, read when it's first looked at. */
export interface ListedFile {
  readonly name: string;
  readonly bytes: number;
  readonly loader: Loader<OpenedFile>;
  /** How far reading is. */
  readonly progress: { value: FileProgress | undefined };
  readonly content: (signal: AbortSignal, received: (bytes: number) => void) => Promise<File>;
}

export const listedFiles = signal<readonly ListedFile[]>([]);

/** Adds files to the list and shows the first of them. */
export function openFiles(files: readonly File[]): void {
  add(files.map((file) => listed(file.name, file.size, () => Promise.resolve(file))));
}

/** Adds what the server was told to show. */
export function openServedFiles(files: StatusAnswer["files"]): void {
  const known = new Set(listedFiles.peek().map(({ name }) => name));
  add(
    files
      .map(({ name, bytes }, number) =>
        listed(name, bytes, async (abort, received) => {
          const content = await getBytes(`files/${number}`, {}, { signal: abort, progress: received });
          return new File([new Uint8Array(content)], name);
        }),
      )
      .filter(({ name }) => !known.has(name)),
    "replace",
  );
}

function add(files: readonly ListedFile[], how: "push" | "replace" = "push"): void {
  if (files.length === 0) return;
  const file = listedFiles.peek().length;
  listedFiles.value = [...listedFiles.peek(), ...files];
  // A link that names a file of the list keeps it.
  if (how === "push") navigate({ view: "files", file, zoom: "" });
}

function listed(name: string, bytes: number, content: ListedFile["content"]): ListedFile {
  return { name, bytes, content, loader: new Loader<OpenedFile>(), progress: signal(undefined) };
}

/** Reads a file, unless that was done: in a worker, with the code for it in a chunk of its own. */
export async function readListed(file: ListedFile, sampleType: number | undefined): Promise<void> {
  await file.loader.load(`${sampleType}`, async (abort, received) => {
    file.progress.value = undefined;
    const content = await file.content(abort, received);
    const { openFile, FileProblem } = await import("../files/index.ts");
    try {
      return await openFile(content, {
        signal: abort,
        onProgress: (progress) => (file.progress.value = progress),
        ...(sampleType === undefined ? {} : { sampleType }),
      });
    } catch (cause) {
      if (cause instanceof FileProblem) throw new ApiError("file", cause.message, cause.remedy, { cause });
      throw cause;
    }
  });
}

/** Takes a file off the list and lets go of what was read. */
export function closeFile(file: ListedFile): void {
  file.loader.value?.close();
  file.loader.dispose();
  listedFiles.value = listedFiles.peek().filter((other) => other !== file);
  navigate({ file: 0, zoom: "" }, "replace");
}
