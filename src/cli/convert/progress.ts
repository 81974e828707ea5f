import { stat } from "node:fs/promises";
import { STANDARD_INPUT } from "../input/read-input.ts";

/** Below this much input nobody waits long enough to be told. */
const WORTH_TELLING_BYTES = 10_000_000;

/** Tells on standard error how far reading is: in place on a terminal, else a line for every tenth. */
export class Progress {
  readonly #total: number;
  readonly #write: (text: string) => void;
  readonly #inPlace: boolean;
  #read = 0;
  #told = 0;

  /** @param total bytes of all input; 0 where not known */
  constructor(total: number, write: (text: string) => void, inPlace: boolean) {
    this.#total = total;
    this.#write = write;
    this.#inPlace = inPlace;
  }

  readonly onRead = (bytes: number): void => {
    this.#read += bytes;
    const step = this.#total > 0 ? Math.max(this.#total / (this.#inPlace ? 100 : 10), 1) : WORTH_TELLING_BYTES;
    if (Math.max(this.#total, this.#read) < WORTH_TELLING_BYTES || this.#read - this.#told < step) return;
    this.#told = this.#read;
    this.#tell();
  };

  done(): void {
    if (this.#inPlace && this.#told > 0) this.#write("\n");
  }

  #tell(): void {
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
    const part =
      this.#total > 0 ? ` of ${megabytes(this.#total)} MB, ${((100 * this.#read) / this.#total) | 0} %` : " MB";
    this.#write(
      `${this.#inPlace ? "\r" : ""}podflame: read ${megabytes(this.#read)}${part}${this.#inPlace ? "" : "\n"}`,
    );
  }
}

/** Bytes of all files; 0 where one is no file whose size is known. */
export async function totalBytes(files: readonly string[]): Promise<number> {
  let total = 0;
  for (const file of files) {
    const stats = file === STANDARD_INPUT ? undefined : await stat(file).catch(() => undefined);
    if (!stats?.isFile()) return 0;
    total += stats.size;
  }
  return total;
}
