import {
  type AppendReceipt,
  type AppendRequest,
  type IdentityEntry,
  type LabelValues,
  type NamedStores,
  type ProfileStore,
  type ProfileType,
  type Selector,
  type SeriesSpan,
  type StackSums,
  StoreError,
  type StoreState,
  type SumRequest,
  type Timeline,
  type TimelineRequest,
  type TimeRange,
} from "#store";

const NOTHING_YET: StoreState = {
  visibleUpTo: 0,
  oldest: undefined,
  bytes: new Map(),
  damaged: [],
  lost: new Map(),
};

/**
 * The store that a `store` exporter offers, whenever it does: extensions start before exporters and end after them, and
 * the page is to be there meanwhile. Belongs to the exporter, so that `close` leaves it open.
 */
export class ServedStore implements ProfileStore {
  readonly #stores: NamedStores;
  readonly #name: string | undefined;

  /** @param name of the exporter; undefined: the only one */
  constructor(stores: NamedStores, name: string | undefined) {
    this.#stores = stores;
    this.#name = name;
  }

  async append(request: AppendRequest): Promise<AppendReceipt> {
    return this.#store().append(request);
  }

  async recordIdentity(entries: readonly IdentityEntry[]): Promise<void> {
    return this.#store().recordIdentity(entries);
  }

  async profileTypes(range: TimeRange): Promise<readonly ProfileType[]> {
    return this.#store().profileTypes(range);
  }

  async labelNames(selector: Selector, range: TimeRange): Promise<readonly string[]> {
    return this.#store().labelNames(selector, range);
  }

  async labelValues(name: string, selector: Selector, range: TimeRange, limit: number): Promise<LabelValues> {
    return this.#store().labelValues(name, selector, range, limit);
  }

  async resolve(selector: Selector, range: TimeRange, type?: string): Promise<readonly SeriesSpan[]> {
    return this.#store().resolve(selector, range, type);
  }

  async sum(request: SumRequest): Promise<StackSums> {
    return this.#store().sum(request);
  }

  async timeline(request: TimelineRequest): Promise<Timeline> {
    return this.#store().timeline(request);
  }

  state(): StoreState {
    return this.#stores.find(this.#name)?.state() ?? NOTHING_YET;
  }

  async flush(): Promise<void> {
    return this.#store().flush();
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  #store(): ProfileStore {
    const store = this.#stores.find(this.#name);
    if (store !== undefined) return store;
    const { names } = this.#stores;
    const what =
      names.length > 1
        ? `there are several stores (${names.join(", ")}): say in the extension ui which one`
        : `${this.#name === undefined ? "no store" : `store ${this.#name}`} is open at the moment: try again`;
    throw new StoreError("unavailable", what);
  }
}
