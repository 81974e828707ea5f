import type { Loss } from "#otlp";

/** Lines of losses before they are only counted. */
const MOST = 40;

/** What conversions could not carry, for people: a line for each kind in each profile. */
export class LossReport {
  readonly #lines = new Map<string, number>();
  #more = 0;

  /** @param request where the losses' places are; empty for the result */
  add(losses: readonly Loss[], request: string): void {
    for (const { kind, place, count } of losses) {
      const line = `${[request, place].filter((part) => part !== "").join(": ")}: ${kind}`;
      if (this.#lines.has(line) || this.#lines.size < MOST) this.#lines.set(line, (this.#lines.get(line) ?? 0) + count);
      else this.#more += count;
    }
  }

  lines(): string[] {
    const lines = [...this.#lines].map(([line, count]) => `lost in ${line}${count === 1 ? "" : ` (${count} times)`}`);
    return this.#more === 0 ? lines : [...lines, `and ${this.#more} more losses`];
  }
}
