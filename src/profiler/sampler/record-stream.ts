import type { RingReader } from "#linux";
import { SwitchKind, type AwayStacks } from "./away-stacks.ts";
import { HEADER_BYTES, RecordView } from "./record.ts";

/** The records of a ring, checked, with the two halves of each off-CPU interval put together. */
export class RecordStream {
  readonly #ring: RingReader;
  readonly #away: AwayStacks;
  readonly #view = new RecordView();
  readonly #awayView = new RecordView();
  #malformed = 0;
  #offCpu = 0;

  constructor(ring: RingReader, away: AwayStacks) {
    this.#ring = ring;
    this.#away = away;
  }

  /** Records and stretches of the ring that were skipped: lengths that can't be, or an unknown layout. */
  get malformed(): number {
    return this.#malformed + this.#ring.malformed;
  }

  /** Off-CPU intervals handed out. */
  get offCpu(): number {
    return this.#offCpu;
  }

  /** Off-CPU intervals of which one half never came, or that were given up for want of room. */
  get offCpuDropped(): number {
    return this.#away.dropped;
  }

  /**
   * Hands out what waits, at most `limit` records of the ring. The view is valid in the call only.
   *
   * @returns how many were handed out
   */
  drain(visit: (record: RecordView) => void, limit: number): number {
    let handedOut = 0;
    this.#ring.drain((words, at, sizeBytes) => {
      const record = this.#check(words, at, sizeBytes);
      if (!record) return;
      handedOut++;
      visit(record);
    }, limit);
    return handedOut;
  }

  #check(words: Uint32Array, at: number, sizeBytes: number): RecordView | undefined {
    const view = this.#view.moveTo(words, at);
    if (sizeBytes < HEADER_BYTES || view.sizeBytes > sizeBytes || !view.wellFormed) {
      this.#malformed++;
      return undefined;
    }
    if (view.kind === SwitchKind.Left) {
      this.#away.left(view);
      return undefined;
    }
    if (view.kind !== SwitchKind.Back) return view;
    const away = this.#away.back(view);
    if (!away) return undefined;
    this.#offCpu++;
    return this.#awayView.moveTo(away, 0);
  }
}
