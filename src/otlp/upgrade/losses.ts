/** What a conversion could not carry, or had to change. */
export type LossKind =
  /** A sample with neither values nor timestamps: dropped. */
  | "empty-sample"
  /** Timestamps that no value of the sample goes with: dropped, the total stays. */
  | "timestamps"
  /** A sample with another number of values than types: the first of them used, or their sum. */
  | "values-per-type"
  /** Sample types beyond the limit: dropped with their values. */
  | "sample-types"
  /** Delta or cumulative: cumulative became a private attribute, delta is what readers assume anyway. */
  | "temporality"
  /** Second and further units of one attribute key. */
  | "conflicting-unit"
  /** Repeated attribute keys of one owner: the first one was kept. */
  | "duplicate-attribute"
  /** Links whose ids are not 16 and 8 bytes: dropped. */
  | "link"
  /** Profile ids that are not 16 bytes: dropped. */
  | "profile-id"
  /** An original payload that no longer belongs to one profile, or lacks its format: dropped. */
  | "original-payload"
  /** Negative start or duration: 0. */
  | "negative-time"
  /** Timestamps that are 0 or more than a day outside of the profile's window: kept, the window ignores them. */
  | "timestamp-outside-window"
  /** Hashes of stacks (layout E): dropped, they can be computed. */
  | "stack-hash"
  /** Strings that are not UTF-8: repaired with U+FFFD. */
  | "invalid-utf8"
  /** References to strings that do not exist. */
  | "string-reference"
  /** Fields that no layout knows: only a copy in the same layout has them. */
  | "unknown-fields"
  /** A default sample type that is none of the profile's types. */
  | "default-sample-type"
  /** `container.id` that is no string: its samples stay with the host. */
  | "container-id"
  /** More containers than the limit: their samples stay with the host, attribute included. */
  | "container-groups"
  /** Lost while reading: samples and profiles that pointed nowhere. */
  | "unreadable-samples"
  | "unreadable-profiles"
  /** References to entities (`Resource.entity_refs`) that name attributes which do not go with the resource. */
  | "entity-refs"
  /** Comments beyond 16 MiB of one request. */
  | "comments";

/** One kind of loss in one profile. */
export interface Loss {
  readonly kind: LossKind;
  readonly count: number;
  /** The profile as the input has it, e.g. `resource_profiles[0].scope_profiles[0].profiles[2]`; empty: the request. */
  readonly place: string;
}

/** How many different losses are told apart; what comes later counts for the whole request. */
const MAX_LOSSES = 4096;

/** Collects losses by profile. Set `place` before the work on a profile begins. */
export class LossLog {
  place = "";
  readonly #losses = new Map<string, { kind: LossKind; count: number; place: string }>();

  add(kind: LossKind, count = 1): void {
    if (count <= 0) return;
    const place = this.#losses.size < MAX_LOSSES ? this.place : "";
    const key = `${kind} ${place}`;
    const known = this.#losses.get(key);
    if (known) known.count += count;
    else this.#losses.set(key, { kind, count, place });
  }

  /** In order of their first occurrence. */
  list(): readonly Loss[] {
    return [...this.#losses.values()];
  }
}
