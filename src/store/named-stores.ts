import type { ProfileStore } from "./profile-store.ts";

/** Name of the service by which components of one process find each other's stores. */
export const NAMED_STORES_SERVICE = "stores";

/** The stores that are open in a process, by the id of whoever opened them. */
export class NamedStores {
  readonly #stores = new Map<string, ProfileStore>();

  /** Offers a store under a name until the function that is returned is called. */
  offer(name: string, store: ProfileStore): () => void {
    if (this.#stores.has(name)) throw new Error(`there is a store ${name} already`);
    this.#stores.set(name, store);
    return () => this.#stores.delete(name);
  }

  /** The store of that name, or the only one there is. */
  find(name?: string): ProfileStore | undefined {
    if (name !== undefined) return this.#stores.get(name);
    const [only, other] = this.#stores.values();
    return other === undefined ? only : undefined;
  }

  /** Names of the stores that are open. */
  get names(): readonly string[] {
    return [...this.#stores.keys()];
  }
}
