import type { Loss, LossKind } from "#otlp";

/** Lines of losses before they are only counted. */
const MOST = 40;

const WORDS: Readonly<Record<LossKind, string>> = {
  "empty-sample": "samples that say nothing",
  timestamps: "timestamps that no value goes with",
  "values-per-type": "values that are not one for each type",
  "sample-types": "sample types beyond the limit",
  temporality: "temporality, which has no field since 1.9",
  "conflicting-unit": "a second unit of an attribute key",
  "duplicate-attribute": "repeated attribute keys",
  link: "links whose ids have odd sizes",
  "profile-id": "a profile id of an odd size",
  "original-payload": "the original payload, which belongs to no single profile",
  "negative-time": "a negative time",
  "timestamp-outside-window": "timestamps far outside of the profile (kept, its window is not widened)",
  "stack-hash": "hashes of stacks",
  "invalid-utf8": "text that is not UTF-8 (repaired)",
  "string-reference": "references to strings that do not exist",
  "unknown-fields": "fields that no layout knows",
  "default-sample-type": "a default sample type that the profile does not have",
  "container-id": "a container.id that is no text",
  "container-groups": "containers beyond the limit (their samples stay with the host)",
  "unreadable-samples": "samples that refer to what does not exist",
  "unreadable-profiles": "profiles that cannot be read",
  "entity-refs": "references to entities",
  comments: "comments beyond 16 MiB of a request",
};

/** What conversions could not carry, for people: a line for each kind in each profile. */
export class LossReport {
  readonly #lines = new Map<string, number>();
  #more = 0;

  /** @param request where the losses' places are; empty for the result */
  add(losses: readonly Loss[], request: string): void {
    for (const { kind, place, count } of losses) {
      const line = `${[request, place].filter((part) => part !== "").join(": ")}: ${WORDS[kind]}`;
      if (this.#lines.has(line) || this.#lines.size < MOST) this.#lines.set(line, (this.#lines.get(line) ?? 0) + count);
      else this.#more += count;
    }
  }

  lines(): string[] {
    const lines = [...this.#lines].map(([line, count]) => `lost in ${line}${count === 1 ? "" : ` (${count} times)`}`);
    return this.#more === 0 ? lines : [...lines, `and ${this.#more} more losses`];
  }
}
