import { frameKind } from "./frame-kind.ts";
import type { FrameTable } from "./frame-table.ts";
import { fitName, shortNames } from "./short-names.ts";

/** Frames whose forms are kept; a screen shows some thousand labels. */
const MAX_FRAMES = 20_000;

/** The labels of frames, computed when they are first drawn. */
export class LabelCache {
  readonly #frames: FrameTable;
  readonly #forms = new Map<number, readonly string[]>();

  constructor(frames: FrameTable) {
    this.#frames = frames;
  }

  /** What fits into so many columns of a monospace font; empty where nothing does. */
  fit(frame: number, columns: number): string {
    let forms = this.#forms.get(frame);
    if (!forms) {
      if (this.#forms.size === MAX_FRAMES) this.#forms.clear();
      const text = this.#frames.text(frame);
      forms = shortNames(text.name, frameKind(text));
      this.#forms.set(frame, forms);
    }
    return fitName(forms, columns);
  }
}
