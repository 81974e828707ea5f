import type { KeyFilter } from "../objects.ts";

/** Distinct keys whose answer is remembered; keys are the users' choice, so there must be an end. */
const MAX_REMEMBERED = 10_000;

/** Asks a `KeyFilter` once for each key and remembers the answer. */
export class KeptKeys {
  readonly #filter: KeyFilter;
  readonly #labels = new Map<string, boolean>();
  readonly #annotations = new Map<string, boolean>();

  constructor(filter: KeyFilter) {
    this.#filter = filter;
  }

  label(key: string): boolean {
    return this.#labels.get(key) ?? remember(this.#labels, key, this.#filter.label(key));
  }

  annotation(key: string): boolean {
    return this.#annotations.get(key) ?? remember(this.#annotations, key, this.#filter.annotation(key));
  }
}

function remember(answers: Map<string, boolean>, key: string, wanted: boolean): boolean {
  if (answers.size >= MAX_REMEMBERED) answers.clear();
  answers.set(key, wanted);
  return wanted;
}
