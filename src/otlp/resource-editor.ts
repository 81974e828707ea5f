import { Reader, SplicePlan, WireType, type BufferPool } from "#wire";
import type { AttributeKeys } from "./attribute-keys.ts";
import type { Payload } from "./payload.ts";
import { ResourceView } from "./resource-view.ts";
import { StringTable } from "./string-table.ts";

/** Field 1 of every export request: ResourceSpans, ResourceMetrics, ResourceLogs, ResourceProfiles. */
const RESOURCES = 1;

/**
 * Looks at and edits the resources of requests without decoding them, for all signals and layouts: the envelope down
 * to the Resource is the same in all. What is not edited keeps its bytes, unknown fields and odd encodings included.
 * Attributes are found in any field order, literal or as references into the string table of a profiles request.
 *
 * One editor belongs to one component and keeps its working memory: nothing is allocated for a resource.
 */
export class ResourceEditor {
  readonly #pool: BufferPool;
  readonly #plan = new SplicePlan();
  readonly #strings = new StringTable();
  readonly #request = new Reader();
  readonly #view: ResourceView;

  /** Resources the last `edit` saw, malformed ones included. */
  resources = 0;
  /** Resources the last `edit` passed on untouched and unseen because their bytes are broken. */
  malformed = 0;
  /** References the last `edit` found to point outside the string table; the keys or values behind them are absent. */
  unresolved = 0;

  /**
   * @param keys what `visit` can ask the view about
   * @param pool where edited requests are written
   */
  constructor(keys: AttributeKeys, pool: BufferPool) {
    this.#pool = pool;
    this.#view = new ResourceView(keys, this.#strings);
  }

  /**
   * Hands every resource to `visit`, which asks and edits through the view, then applies all edits in one copy.
   * Returns the same payload when nothing changed (no reference added), else a new one with a reference of its own
   * that the caller releases, with equal origin and item count. The view must not be used after `visit` returns.
   */
  edit(payload: Payload, visit: (resource: ResourceView) => void): Payload {
    const { bytes } = payload;
    const plan = this.#plan;
    const request = this.#request;
    const view = this.#view;
    plan.reset();
    this.#strings.reset(bytes);
    this.resources = 0;
    this.malformed = 0;
    view.takeUnresolved();
    try {
      request.reset(bytes, 0, bytes.length);
      while (request.next()) {
        if (request.field !== RESOURCES || request.wireType !== WireType.LEN) continue;
        if (view.load(this.resources++, bytes, request.prefixStart, request.start, request.end)) {
          visit(view);
          view.planEdits(plan);
        } else this.malformed++;
      }
      this.unresolved = view.takeUnresolved();
      if (plan.empty) return payload;
      return payload.withBuffer(plan.apply(bytes, this.#pool));
    } finally {
      plan.reset();
      view.release();
      this.#strings.release();
      request.reset(EMPTY, 0, 0);
    }
  }
}

const EMPTY = new Uint8Array(0);
