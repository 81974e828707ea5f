import type { Context, Hono } from "hono";
import type { Selector, TimeRange } from "#store";
import { attributeOfLabel } from "../export/attribute-names.ts";
import { prune } from "../flame/prune.ts";
import type { Admission } from "../http/admission.ts";
import { ingest } from "../ingest/ingest.ts";
import type { BodyLimits } from "../ingest/read-body.ts";
import { QueryError } from "../query-error.ts";
import type { QueryContext } from "../questions/context.ts";
import { graphOf } from "../questions/flamegraph.ts";
import { groupSeries } from "../questions/groups.ts";
import { type Selection, selectType, splitProcess } from "../questions/selection.ts";
import { parseSelector } from "../selector/parse-selector.ts";
import { answerCall } from "./connect.ts";
import { flamebearer } from "./flamebearer.ts";
import type { Message } from "./messages.ts";
import { partsOf, typeOfId } from "./profile-type-id.ts";
import * as messages from "./querier-messages.ts";

/** What the calls are answered with. */
export interface GrafanaRoutes {
  readonly context: QueryContext;
  readonly admission: Admission;
  readonly bodies: BodyLimits;
  readonly now: () => number;
}

/** Questions are small, and lists of spans aren't that long. */
const QUESTION_LIMITS: BodyLimits = { maxBytes: 1 << 20, maxInflatedBytes: 1 << 20 };
const HOUR_MS = 3_600_000;
/** What Grafana asks for unless its data source says otherwise. */
const DEFAULT_NODES = 16_384;
const MAX_LABEL_VALUES = 10_000;

/** The calls of Pyroscope's read API that Grafana's data source makes, and the one that SDKs push with. */
export function addGrafanaRoutes(app: Hono, routes: GrafanaRoutes): void {
  new Grafana(app, routes).add();
}

class Grafana {
  readonly #app: Hono;
  readonly #routes: GrafanaRoutes;

  constructor(app: Hono, routes: GrafanaRoutes) {
    this.#app = app;
    this.#routes = routes;
  }

  add(): void {
    const { context } = this.#routes;
    const { store } = context;
    this.#query("ProfileTypes", messages.profileTypesRequest, messages.profileTypesResponse, async (asked) => {
      const types = await store.profileTypes(this.#range(asked));
      return { profileTypes: types.map((type) => ({ ID: partsOf(type).id, ...namesOf(partsOf(type)) })) };
    });
    this.#query("LabelNames", messages.labelNamesRequest, messages.namesResponse, async (asked) => ({
      names: await store.labelNames(selectorOf(asked.matchers), this.#range(asked)),
    }));
    this.#query("LabelValues", messages.labelValuesRequest, messages.namesResponse, async (asked) => {
      const selector = selectorOf(asked.matchers);
      const { values } = await store.labelValues(asked.name, selector, this.#range(asked), MAX_LABEL_VALUES);
      return { names: values };
    });
    this.#query("Series", messages.seriesRequest, messages.seriesResponse, (asked) => this.#labelSets(asked));
    this.#query("SelectSeries", messages.selectSeriesRequest, messages.selectSeriesResponse, async (asked, signal) => ({
      series: await this.#series(asked, signal),
    }));
    this.#query(
      "SelectMergeStacktraces",
      messages.selectMergeStacktracesRequest,
      messages.flameGraphResponse,
      (asked, signal) => this.#flameGraph(asked, undefined, signal),
    );
    this.#query(
      "SelectMergeSpanProfile",
      messages.selectMergeSpanProfileRequest,
      messages.flameGraphResponse,
      (asked, signal) => this.#flameGraph(asked, asked.spanSelector, signal),
    );
    this.#app.post("/push.v1.PusherService/Push", (c) =>
      answerCall(c, this.#routes.bodies, messages.pushRequest, messages.emptyResponse, (asked) => this.#push(asked)),
    );
  }

  #query<Q, A>(
    method: string,
    request: Message<Q>,
    response: Message<A>,
    answer: (asked: Q, signal: AbortSignal) => Promise<A>,
  ): void {
    this.#app.post(`/querier.v1.QuerierService/${method}`, (c: Context) =>
      answerCall(c, QUESTION_LIMITS, request, response, (asked) =>
        this.#routes.admission.run(c.req.raw.signal, (signal) => answer(asked, signal)),
      ),
    );
  }

  /** Without a time the last hour. */
  #range({ start, end }: { readonly start: number; readonly end: number }): TimeRange {
    const to = end === 0 ? this.#routes.now() : end;
    return { from: start === 0 ? to - HOUR_MS : Math.min(start, to - 1), to };
  }

  /** Undefined where there is nothing of that type. */
  async #selection(asked: messages.SelectFields): Promise<Selection | undefined> {
    const range = this.#range(asked);
    const id = typeOfId(asked.profileTypeID);
    try {
      const type = await selectType(this.#routes.context, id, range);
      return { ...splitProcess(parseSelector(asked.labelSelector)), range, type, links: undefined };
    } catch (error) {
      // Grafana shows an error for what is only a quiet time.
      if (error instanceof QueryError && error.kind === "not-found") return undefined;
      throw error;
    }
  }

  async #labelSets({ matchers, labelNames, ...time }: messages.SeriesFields) {
    const spans = await this.#routes.context.store.resolve(selectorOf(matchers), this.#range(time));
    const sets = new Map<string, { readonly labels: readonly messages.LabelPair[] }>();
    for (const { labels } of spans) {
      const chosen = [...labels]
        .filter(([name]) => labelNames.length === 0 || labelNames.includes(name))
        .map(([name, value]) => ({ name, value }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      sets.set(JSON.stringify(chosen), { labels: chosen });
    }
    return { labelsSet: [...sets.values()] };
  }

  async #series(
    asked: messages.SelectFields & {
      readonly groupBy: readonly string[];
      readonly step: number;
      readonly limit: number;
    },
    signal: AbortSignal,
  ): Promise<readonly messages.SeriesEntry[]> {
    const selection = await this.#selection(asked);
    if (!selection) return [];
    const { context } = this.#routes;
    const step = Math.max(1000, Math.round(asked.step * 1000));
    const { range, type } = selection;
    if ((range.to - range.from) / step > context.limits.maxSlots) {
      throw new QueryError("limit", `more than ${context.limits.maxSlots} steps`, "Ask for a longer step.");
    }
    const groups = await groupSeries(context, selection, asked.groupBy);
    const timeline = await context.store.timeline({ type: type.id, range, spans: groups.spans, step, signal });
    const series = new Map<string, { labels: messages.LabelPair[]; values: Float64Array; sum: number }>();
    groups.list.forEach(({ values }, group) => {
      const key = values.join("\n");
      let own = series.get(key);
      if (!own) {
        const labels = asked.groupBy.map((name, at) => ({ name, value: values[at]! }));
        series.set(key, (own = { labels, values: new Float64Array(timeline.slots), sum: 0 }));
      }
      for (let slot = 0; slot < timeline.slots; slot++) {
        const value = timeline.values[group * timeline.slots + slot]!;
        own.values[slot]! += value;
        own.sum += value;
      }
    });
    const heaviest = [...series.values()].filter(({ sum }) => sum > 0).sort((a, b) => b.sum - a.sum);
    return heaviest.slice(0, asked.limit > 0 ? asked.limit : undefined).map(({ labels, values }) => ({
      labels,
      points: Array.from(values, (value, slot) => ({ value, timestamp: timeline.start + slot * timeline.step })),
    }));
  }

  async #flameGraph(
    asked: messages.SelectFields & { readonly maxNodes: number },
    spans: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly flamegraph: messages.FlameGraphEntry | undefined }> {
    const selection = await this.#selection(asked);
    if (!selection) return { flamegraph: undefined };
    const { context } = this.#routes;
    const options = { groupBy: [], granularity: "function" } as const;
    const linked = spans === undefined ? selection : { ...selection, links: spans };
    const { sources, functions } = await graphOf(context, linked, options, undefined, signal);
    const maxNodes = Math.min(asked.maxNodes > 0 ? asked.maxNodes : DEFAULT_NODES, context.limits.maxNodes);
    const pruned = prune(sources, functions, { maxNodes, minShare: 0 });
    return { flamegraph: pruned.total[0] === 0 ? undefined : flamebearer(pruned) };
  }

  async #push({ series }: messages.PushFields): Promise<Record<never, never>> {
    for (const { labels, samples } of series) {
      const attributes = new Map<string, string>();
      for (const { name, value } of labels) {
        if (!name.startsWith("__")) attributes.set(attributeOfLabel(name) ?? name, value);
      }
      for (const { rawProfile } of samples) {
        const receivedAt = this.#routes.now();
        await ingest(this.#routes.context.store, rawProfile, {
          format: "pprof",
          attributes,
          from: undefined,
          receivedAt,
        });
      }
    }
    return {};
  }
}

function namesOf({ name, sampleType, sampleUnit, periodType, periodUnit }: ReturnType<typeof partsOf>) {
  return { name, sampleType, sampleUnit, periodType, periodUnit };
}

/** Selectors of which each must hold; Grafana sends one. */
function selectorOf(matchers: readonly string[]): Selector {
  return splitProcess(matchers.flatMap((matcher) => parseSelector(matcher))).selector;
}
