import type { Finding } from "#otlp";
import type { Cell } from "./text-table.ts";

/** How many different oddities are told. */
const MOST = 30;

/** Oddities of many requests: one row for each kind and field, with the first place. */
export class FindingSums {
  readonly #sums = new Map<string, { readonly first: Finding; readonly request: string; count: number }>();

  /** @param request where the request stands */
  add(findings: readonly Finding[], request: string): void {
    for (const finding of findings) {
      const key = `${finding.kind} ${finding.field}`;
      const known = this.#sums.get(key);
      if (known) known.count += finding.count;
      else if (this.#sums.size < MOST) this.#sums.set(key, { first: finding, request, count: finding.count });
    }
  }

  rows(): Cell[][] {
    return [...this.#sums.values()].map(({ first, request, count }) => [
      count,
      first.kind,
      first.field,
      `first in ${[request, first.place.replace(/\.$/, "")].filter((part) => part !== "").join(", ")}${
        first.offset < 0 ? "" : ` (byte ${first.offset})`
      }`,
    ]);
  }
}
