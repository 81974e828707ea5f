import {
  compileMatcher,
  type LabelValues,
  type Matcher,
  type ProfileStore,
  type ProfileType,
  type Selector,
  type SeriesSpan,
  type TimeRange,
} from "#store";
import { partsOf } from "./profile-type-id.ts";
import { SERVICE_LABEL, serviceOf } from "./service-label.ts";

/** The label that Grafana selects a profile type by. */
const TYPE_LABEL = "__profile_type__";

/** What else Pyroscope's labels say of the type. */
function typeLabels(type: ProfileType): readonly (readonly [name: string, value: string])[] {
  const { id, name, sampleType, sampleUnit, periodType, periodUnit } = partsOf(type);
  return [
    [TYPE_LABEL, id],
    ["__name__", name],
    ["__type__", sampleType],
    ["__unit__", sampleUnit],
    ["__period_type__", periodType],
    ["__period_unit__", periodUnit],
  ];
}

const TYPE_LABELS: ReadonlySet<string> = new Set([
  TYPE_LABEL,
  "__name__",
  "__type__",
  "__unit__",
  "__period_type__",
  "__period_unit__",
]);

/**
 * A store as Pyroscope's clients know one: each series says its profile type in labels, and each is of a service. Those
 * labels select and group as others do. What is summed up is the store's own.
 */
export class GrafanaStore implements ProfileStore {
  readonly #store: ProfileStore;

  constructor(store: ProfileStore) {
    this.#store = store;
  }

  async resolve(selector: Selector, range: TimeRange, type?: string): Promise<readonly SeriesSpan[]> {
    const own = selector.filter(({ name }) => name !== SERVICE_LABEL && !TYPE_LABELS.has(name));
    const ofService = testOf(selector.filter(({ name }) => name === SERVICE_LABEL));
    const found: SeriesSpan[] = [];
    for (const each of await this.#types(selector, range, type)) {
      const added = typeLabels(each);
      for (const span of await this.#store.resolve(own, range, each.id)) {
        const service = serviceOf(span.labels);
        if (!ofService(SERVICE_LABEL, service)) continue;
        found.push({ ...span, labels: new Map([...span.labels, ...added, [SERVICE_LABEL, service]]) });
      }
    }
    return found;
  }

  async labelNames(selector: Selector, range: TimeRange): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const { labels } of await this.resolve(selector, range)) for (const name of labels.keys()) names.add(name);
    return [...names].sort();
  }

  async labelValues(name: string, selector: Selector, range: TimeRange, limit: number): Promise<LabelValues> {
    const isOwn = [name, ...selector.map((matcher) => matcher.name)].every(
      (each) => each !== SERVICE_LABEL && !TYPE_LABELS.has(each),
    );
    if (isOwn) return this.#store.labelValues(name, selector, range, limit);
    const values = new Set<string>();
    for (const { labels } of await this.resolve(selector, range)) {
      const value = labels.get(name);
      if (value !== undefined) values.add(value);
    }
    const sorted = [...values].sort();
    return { values: sorted.slice(0, limit), truncated: sorted.length > limit };
  }

  readonly profileTypes: ProfileStore["profileTypes"] = (range) => this.#store.profileTypes(range);
  readonly sum: ProfileStore["sum"] = (request) => this.#store.sum(request);
  readonly timeline: ProfileStore["timeline"] = (request) => this.#store.timeline(request);
  readonly append: ProfileStore["append"] = (request) => this.#store.append(request);
  readonly recordIdentity: ProfileStore["recordIdentity"] = (entries) => this.#store.recordIdentity(entries);
  readonly state: ProfileStore["state"] = () => this.#store.state();
  readonly flush: ProfileStore["flush"] = () => this.#store.flush();
  readonly close: ProfileStore["close"] = () => this.#store.close();

  /** Profile types that a selector's matchers leave. */
  async #types(selector: Selector, range: TimeRange, wanted: string | undefined): Promise<readonly ProfileType[]> {
    const holds = testOf(selector.filter(({ name }) => TYPE_LABELS.has(name)));
    const types = await this.#store.profileTypes(range);
    return types.filter(
      (type) =>
        (wanted === undefined || type.id === wanted) && typeLabels(type).every(([name, value]) => holds(name, value)),
    );
  }
}

/** Whether the matchers of a label hold for a value of it. */
function testOf(matchers: readonly Matcher[]): (name: string, value: string) => boolean {
  const tests = matchers.map((matcher) => ({ name: matcher.name, holds: compileMatcher(matcher) }));
  return (name, value) => tests.every((test) => test.name !== name || test.holds(value));
}
