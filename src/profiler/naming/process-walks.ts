import type { Process } from "../processes/index.ts";
import type { ProcessWalk, SampleSource } from "../sampler/sample-source.ts";

/**
 * How the kernel walks which process. It knows processes by their pid alone: what one program had set is taken back when
 * it's forgotten, unless the program that the process runs since has set its own.
 */
export class ProcessWalks {
  readonly #source: Pick<SampleSource, "setProcess" | "forgetProcess">;
  /** Number of the program that set the walk, by pid. */
  readonly #owners = new Map<number, number>();
  /** Walks for which the kernel had no room: those processes are walked by frame pointers. */
  refused = 0;

  constructor(source: Pick<SampleSource, "setProcess" | "forgetProcess">) {
    this.#source = source;
  }

  set({ pid, number }: Process, walk: ProcessWalk): void {
    if (this.#source.setProcess(pid, walk)) this.#owners.set(pid, number);
    else this.refused++;
  }

  forget({ pid, number }: Process): void {
    if (this.#owners.get(pid) !== number) return;
    this.#owners.delete(pid);
    this.#source.forgetProcess(pid);
  }
}
