import { promisify } from "node:util";
import zlib from "node:zlib";
import type { Context, Hono } from "hono";
import type { Selector, TimeRange } from "#store";
import { attributeOfLabel } from "../export/attribute-names.ts";
import { exportOf } from "../export/export.ts";
import { prune, type PrunedTree } from "../flame/prune.ts";
import type { Admission } from "../http/admission.ts";
import { ingest } from "../ingest/ingest.ts";
import type { BodyLimits } from "../ingest/read-body.ts";
import { QueryError } from "../query-error.ts";
import type { QueryContext } from "../questions/context.ts";
import { graphOf } from "../questions/flamegraph.ts";
import { groupSeries } from "../questions/groups.ts";
import { type Selection, selectType, splitProcess } from "../questions/selection.ts";
import { parseSelector } from "../selector/parse-selector.ts";
import { answerCall, refuseCall } from "./connect.ts";
import { flamebearer, flamebearerDiff } from "./flamebearer.ts";
import { GrafanaStore } from "./grafana-store.ts";
import { heatmapOfSeries } from "./heatmap.ts";
import type { Message } from "./messages.ts";
import { pprofProfile } from "./pprof-message.ts";
import { partsOf, typeOfId } from "./profile-type-id.ts";
import * as messages from "./querier-messages.ts";
import { renderedDiff, selectionsOf } from "./render-diff.ts";

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
const GRAPH_OPTIONS = { groupBy: [], granularity: "function" } as const;
const MAX_LABEL_VALUES = 10_000;

const gunzip = promisify(zlib.gunzip);

/** The calls of Pyroscope's read API that Grafana's data source and its app make, and the one that SDKs push with. */
export function addGrafanaRoutes(app: Hono, routes: GrafanaRoutes): void {
  const { context } = routes;
  new Grafana(app, { ...routes, context: { ...context, store: new GrafanaStore(context.store) } }).add();
}

/** What requests for stacks may be narrowed by. */
interface StackFilters extends Pick<
  messages.SelectStacksFields,
  "stackTraceSelector" | "profileIdSelector" | "traceIdSelector"
> {
  readonly spanSelector: readonly string[];
  /** Only samples of these spans, be there none. */
  readonly isOfSpans: boolean;
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
      (asked, signal) => this.#flameGraph(asked, signal),
    );
    this.#query(
      "SelectMergeSpanProfile",
      messages.selectMergeSpanProfileRequest,
      messages.flameGraphResponse,
      (asked, signal) => this.#flameGraph({ ...asked, isOfSpans: true }, signal),
    );
    this.#query("SelectMergeProfile", messages.selectMergeProfileRequest, pprofProfile, (asked, signal) =>
      this.#pprof(asked, signal),
    );
    this.#query("Diff", messages.diffRequest, messages.diffResponse, async ({ left, right }, signal) => {
      if (!left || !right) throw new QueryError("invalid", "left or right is missing", "Say what to compare.");
      const tree = await this.#diffTree(left, right, signal);
      return { flamegraph: tree && flamebearerDiff(tree) };
    });
    this.#query("SelectHeatmap", messages.selectHeatmapRequest, messages.selectHeatmapResponse, (asked, signal) =>
      this.#heatmap(asked, signal),
    );
    this.#query("GetProfileStats", messages.empty, messages.getProfileStatsResponse, () => {
      const { oldest, visibleUpTo } = store.state();
      const isEmpty = oldest === undefined;
      return Promise.resolve({
        dataIngested: !isEmpty,
        oldestProfileTime: oldest ?? 0,
        newestProfileTime: isEmpty ? 0 : visibleUpTo,
      });
    });
    this.#app.post("/querier.v1.QuerierService/:method", (c) => {
      const method = c.req.param("method").slice(0, 60);
      return refuseCall(new QueryError("unimplemented", `${method} is not answered here`, "See docs/query.md."));
    });
    // Nothing is kept for the app; it has defaults.
    this.#app.post("/settings.v1.SettingsService/Get", (c) =>
      answerCall(c, QUESTION_LIMITS, messages.empty, messages.empty, () => Promise.resolve({})),
    );
    this.#app.get("/pyroscope/render-diff", (c) =>
      this.#routes.admission.run(c.req.raw.signal, async (signal) => {
        const { left, right } = selectionsOf(new URL(c.req.url).searchParams, this.#routes.now());
        return c.json(renderedDiff(await this.#diffTree(left, right, signal), left.profileTypeID));
      }),
    );
    this.#app.post("/push.v1.PusherService/Push", (c) =>
      answerCall(c, this.#routes.bodies, messages.pushRequest, messages.empty, (asked) => this.#push(asked)),
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
  async #selection(asked: messages.SelectFields & Partial<StackFilters>): Promise<Selection | undefined> {
    const range = this.#range(asked);
    const id = typeOfId(asked.profileTypeID);
    const filters = filtersOf(asked);
    try {
      const type = await selectType(this.#routes.context, id, range);
      return { ...splitProcess(parseSelector(asked.labelSelector)), range, type, ...filters };
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
      readonly stackTraceSelector: messages.StackTraceSelectorFields | undefined;
      readonly limit: number;
    },
    signal: AbortSignal,
  ): Promise<readonly messages.SeriesEntry[]> {
    const selection = await this.#selection(asked);
    if (!selection) return [];
    if (selection.callSite || selection.process.length > 0) {
      const remedy = "Select by labels of containers, or ask /api/v1/timeline for a process.";
      throw new QueryError("unimplemented", "series of single functions or processes are not kept", remedy);
    }
    const { context } = this.#routes;
    const step = stepOf(asked.step);
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
    asked: messages.SelectFields & Partial<StackFilters> & { readonly maxNodes: number },
    signal: AbortSignal,
  ): Promise<{ readonly flamegraph: messages.FlameGraphEntry | undefined }> {
    const selection = await this.#selection(asked);
    if (!selection) return { flamegraph: undefined };
    using graph = await graphOf(this.#routes.context, selection, GRAPH_OPTIONS, undefined, signal);
    const pruned = prune(graph.sources, graph.functions, this.#pruneLimits(asked.maxNodes));
    return { flamegraph: pruned.total[0] === 0 ? undefined : flamebearer(pruned) };
  }

  /** Undefined where there is nothing on either side. */
  async #diffTree(
    left: messages.DiffSide,
    right: messages.DiffSide,
    signal: AbortSignal,
  ): Promise<PrunedTree | undefined> {
    const [first, second] = await Promise.all([this.#selection(left), this.#selection(right)]);
    const type = first?.type ?? second?.type;
    if (!type) return undefined;
    const { context } = this.#routes;
    // A side without samples is still one to compare with.
    const sideOf = (asked: messages.DiffSide, selection: Selection | undefined): Selection =>
      selection ?? {
        selector: parseSelector(asked.labelSelector),
        process: [],
        range: this.#range(asked),
        type,
        links: undefined,
      };
    const comparison = { other: { ...sideOf(right, second), type }, isRelative: false };
    using graph = await graphOf(context, { ...sideOf(left, first), type }, GRAPH_OPTIONS, comparison, signal);
    const limits = this.#pruneLimits(Math.max(left.maxNodes, right.maxNodes));
    return prune(graph.sources, graph.functions, limits, true);
  }

  #pruneLimits(maxNodes: number) {
    const { limits } = this.#routes.context;
    return { maxNodes: Math.min(maxNodes > 0 ? maxNodes : DEFAULT_NODES, limits.maxNodes), minShare: 0 };
  }

  /** A pprof file without its compression. */
  async #pprof(asked: messages.SelectStacksFields, signal: AbortSignal): Promise<Uint8Array> {
    const selection = await this.#selection(asked);
    if (!selection) return new Uint8Array(0);
    const { bytes } = await exportOf(this.#routes.context, selection, "pprof", [], signal);
    return gunzip(bytes);
  }

  async #heatmap(
    asked: messages.SelectFields & {
      readonly step: number;
      readonly groupBy: readonly string[];
      readonly queryType: string;
      readonly limit: number;
    },
    signal: AbortSignal,
  ): Promise<{ readonly series: readonly messages.HeatmapSeriesEntry[] }> {
    if (asked.queryType === "HEATMAP_QUERY_TYPE_SPAN") {
      const remedy = "Ask for HEATMAP_QUERY_TYPE_INDIVIDUAL, or for the profile of one span.";
      throw new QueryError("unimplemented", "heat maps of spans are not made", remedy);
    }
    const selection = await this.#selection(asked);
    if (!selection) return { series: [] };
    const options = {
      step: stepOf(asked.step),
      groupBy: asked.groupBy,
      limit: asked.limit > 0 ? asked.limit : undefined,
    };
    return { series: await heatmapOfSeries(this.#routes.context, selection, options, signal) };
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

/** Seconds as milliseconds; the shortest is a second. */
function stepOf(seconds: number): number {
  return Math.max(1000, Math.round(seconds * 1000));
}

/** What of a selection's stacks is meant. @throws QueryError "unimplemented" for what can't be told apart */
function filtersOf({
  stackTraceSelector,
  profileIdSelector = [],
  traceIdSelector = [],
  spanSelector = [],
  isOfSpans = false,
}: Partial<StackFilters>): Pick<Selection, "links" | "callSite"> {
  if (profileIdSelector.length > 0) {
    throw new QueryError("unimplemented", "profiles have no ids here", "Select by time, labels, spans or traces.");
  }
  if (stackTraceSelector?.goPgo) {
    throw new QueryError(
      "unimplemented",
      "profiles are not cut for PGO",
      "Take the whole one: Go's compiler reads it.",
    );
  }
  // A span is in one trace, so that its spans say more than a trace does.
  const links = isOfSpans || spanSelector.length > 0 ? spanSelector : traceIdSelector;
  const callSite = stackTraceSelector?.callSite.map(({ name }) => name) ?? [];
  return {
    links: isOfSpans || links.length > 0 ? links : undefined,
    ...(callSite.length > 0 ? { callSite } : {}),
  };
}

/** Selectors of which each must hold; Grafana sends one. */
function selectorOf(matchers: readonly string[]): Selector {
  return splitProcess(matchers.flatMap((matcher) => parseSelector(matcher))).selector;
}
