import type { PodRecord } from "./records.ts";

/** Who wants to hear which records of a directory change. Costs a directory nothing while nobody does. */
export class RecordChanges {
  readonly #listeners = new Set<(record: PodRecord) => void>();

  /**
   * Calls `changed` for each record that came, changed, went or came back, or that belongs to an object that came or
   * changed, in the midst of the change: note it, and look later. Until the function that is returned is called.
   */
  listen(changed: (record: PodRecord) => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** @internal */
  announce(record: PodRecord): void {
    for (const changed of this.#listeners) changed(record);
  }
}
