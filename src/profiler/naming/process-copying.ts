import type { Mapping } from "#linux";
import type { Process } from "../processes/index.ts";
import { MAX_KEPT_RANGES } from "../sampler/kernel-layout.ts";
import type { ProcessWalk } from "../sampler/sample-source.ts";
import type { ProcessWalks } from "./process-walks.ts";

/** Copies after which the size is judged, and share of cut ones beyond which it is raised. */
const JUDGED_COPIES = 20;
const CUT_SHARE = 0.05;
const RAISED_LIMIT_BYTES = 24_576;
/** Runtimes reserve up to half a gigabyte for generated code, and map pieces of it. */
const LARGEST_GENERATED = 2 ** 30;

/**
 * What the kernel is told about the stacks of one program: how to walk them, and which of them needn't be copied. It
 * copies what it doesn't know better; what is learned here from copies spares the next ones.
 */
export class ProcessCopying {
  readonly #process: Process;
  readonly #walks: ProcessWalks;
  #frames: Pick<ProcessWalk, "v8" | "python">;
  readonly #kept: { readonly start: number; readonly end: number }[] = [];
  #copies = 0;
  #cut = 0;
  #isRaised = false;

  /** @param frames what else than frame pointers is to be walked */
  constructor(process: Process, walks: ProcessWalks, frames: Pick<ProcessWalk, "v8" | "python">) {
    this.#process = process;
    this.#walks = walks;
    this.#frames = frames;
    if (frames.v8 ?? frames.python) this.#tell();
  }

  /** What else than frame pointers is to be walked, for what was found out later. */
  walk(frames: Pick<ProcessWalk, "v8" | "python">): void {
    this.#frames = frames;
    this.#tell();
  }

  /** A stack was copied; `isCut` if it was longer than the limit. */
  copied(isCut: boolean): void {
    this.#copies++;
    if (isCut) this.#cut++;
    if (this.#isRaised || this.#copies < JUDGED_COPIES || this.#cut <= this.#copies * CUT_SHARE) return;
    this.#isRaised = true;
    this.#tell();
  }

  /** Code in [start, end) keeps frame pointers: a complete walk from there lacks no caller. */
  keep(start: number, end: number): void {
    const isKnown = this.#kept.some((range) => range.start <= start && range.end >= end);
    if (isKnown || this.#kept.length === MAX_KEPT_RANGES) return;
    this.#kept.push({ start, end });
    this.#tell();
  }

  /** The same of generated code, whose mappings change: of all that lies near. */
  keepGenerated({ start, end }: Mapping): void {
    const near = (this.#process.mappings?.list ?? []).filter(
      (other) => other.inode === 0n && other.path !== "[vdso]" && Math.abs(other.start - start) < LARGEST_GENERATED,
    );
    const first = near.reduce((lowest, mapping) => Math.min(lowest, mapping.start), start);
    this.keep(
      first,
      near.reduce((highest, mapping) => Math.max(highest, mapping.end), end),
    );
  }

  #tell(): void {
    this.#walks.set(this.#process, {
      ...this.#frames,
      copies: {
        mode: "if-needed",
        ...(this.#isRaised && { limitBytes: RAISED_LIMIT_BYTES }),
        kept: this.#kept,
      },
    });
  }
}
