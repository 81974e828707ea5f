import { Hono, type Context } from "hono";
import type { ProfileStore } from "#store";
import type { ErrorAnswer, StatusAnswer } from "../api.ts";
import { EXPORT_FORMATS, type ExportFormat, exportOf } from "../export/export.ts";
import { ColumnMemory } from "../flame/column-memory.ts";
import { flameAnswer } from "../flame/flame-answer.ts";
import { encodeFlame, FLAME_MEDIA_TYPE } from "../flame/flame-encoding.ts";
import { focusOn } from "../flame/focus.ts";
import { FunctionTables } from "../flame/function-table.ts";
import { addGrafanaRoutes } from "../grafana/routes.ts";
import { DEFAULT_BODY_LIMITS, type BodyLimits } from "../ingest/read-body.ts";
import { addIngestRoutes } from "../ingest/routes.ts";
import { openApiDocument, parametersOf } from "../openapi/document.ts";
import { Parameters } from "../parameters/parameters.ts";
import { asQueryError, QueryError, statusOf } from "../query-error.ts";
import { DEFAULT_QUERY_LIMITS, type QueryContext, type QueryLimits } from "../questions/context.ts";
import { graphOf, sandwichOf, show, type ShownGraph, topOf } from "../questions/flamegraph.ts";
import { heatmapOf } from "../questions/heatmap.ts";
import { labelNames, labelValues, profileTypes } from "../questions/labels.ts";
import { timelineOf } from "../questions/timeline.ts";
import { treeOf } from "../questions/tree.ts";
import { type Explain, unattributedOf } from "../questions/unattributed.ts";
import { parseSelector } from "../selector/parse-selector.ts";
import { Admission, type AdmissionLimits, DEFAULT_ADMISSION } from "./admission.ts";
import { Assets } from "./assets.ts";
import { compress } from "./compression.ts";
import { isForeignPage, isHostAllowed, SECURITY_HEADERS } from "./security.ts";

/** What the API is made of. */
export interface ApiSettings {
  readonly store: ProfileStore;
  /** What the store doesn't know about itself. */
  readonly status: () => Pick<StatusAnswer, "version" | "mode">;
  /** Says more about containers and processes without a name; the answer's own words are general ones. */
  readonly explain?: Explain;
  /** Files that the page opens at once; `read` gives the bytes of one. */
  readonly files?: readonly ServedFile[];
  /** Folder of the page; without it there is only the API. */
  readonly assets?: string;
  /** Names besides addresses and localhost that this server is known by; `*`: any. In lower case. */
  readonly allowedHosts?: readonly string[];
  readonly limits?: Partial<QueryLimits>;
  readonly admission?: Partial<AdmissionLimits>;
  readonly bodies?: Partial<BodyLimits>;
  /** Milliseconds since 1970; default the machine's clock. */
  readonly now?: () => number;
  /** Told of errors that are ours. */
  readonly onInternalError?: (error: unknown, path: string) => void;
}

export interface ServedFile {
  readonly name: string;
  readonly bytes: number;
  readonly read: () => Promise<Uint8Array>;
}

/** Nodes of a graph where nobody says how many: 400 kB compressed at most. */
const DEFAULT_NODES = 20_000;
const DEFAULT_TOP_ROWS = 500;
const DEFAULT_TREE_ROWS = 1000;
const DEFAULT_LINES = 10;
const DEFAULT_LABEL_VALUES = 1000;
/** Rows of a heat map divide the second evenly. */
const HEATMAP_ROWS = ["1", "2", "4", "5", "8", "10", "20", "25", "40", "50", "100", "125"] as const;
const SPARK_SLOTS = 60;

/** The API under `/api/v1`, and the page. To be served by `serve`, or asked in tests with `request`. */
export function createApi(settings: ApiSettings): Hono {
  return new Api(settings).app;
}

type Ask = (parameters: Parameters, signal: AbortSignal, c: Context) => Promise<unknown>;

class Api {
  readonly app = new Hono();
  readonly #settings: ApiSettings;
  readonly #context: QueryContext;
  readonly #admission: Admission;
  readonly #now: () => number;

  constructor(settings: ApiSettings) {
    this.#settings = settings;
    this.#context = {
      store: settings.store,
      limits: { ...DEFAULT_QUERY_LIMITS, ...settings.limits },
      functions: new FunctionTables(),
      columns: new ColumnMemory(),
    };
    this.#admission = new Admission({ ...DEFAULT_ADMISSION, ...settings.admission });
    this.#now = settings.now ?? Date.now;
    this.#guard();
    this.#questions();
    this.#state();
    const bodies = { ...DEFAULT_BODY_LIMITS, ...settings.bodies };
    addIngestRoutes(this.app, { store: settings.store, limits: bodies, now: this.#now });
    addGrafanaRoutes(this.app, { context: this.#context, admission: this.#admission, bodies, now: this.#now });
    if (settings.assets !== undefined) this.#page(new Assets(settings.assets));
    this.app.notFound((c) => this.#refuse(c, this.#missing(c.req.path)));
    this.app.onError((error, c) => this.#refuse(c, asQueryError(error)));
  }

  #guard(): void {
    const allowed = new Set(this.#settings.allowedHosts);
    this.app.use(async (c, next) => {
      const host = c.req.header("host") ?? new URL(c.req.url).host;
      if (!isHostAllowed(host, allowed)) {
        throw new QueryError(
          "forbidden",
          `this server isn't known as ${host.slice(0, 100)}`,
          "Use its address, or add the name to allowed_hosts.",
        );
      }
      const isApi = /^\/(?:api|pyroscope)\//.test(c.req.path) || c.req.method !== "GET";
      if (isApi && isForeignPage(host, c.req.header("origin"), c.req.header("sec-fetch-site"))) {
        throw new QueryError("forbidden", "pages of other sites may not ask this server", "Open the page of this one.");
      }
      await next();
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) c.header(name, value);
    });
  }

  #questions(): void {
    const context = this.#context;
    const { limits } = context;
    this.#get("profile_types", (p) => profileTypes(context, p.range()));
    this.#get("labels", (p) => labelNames(context, parseSelector(p.text("query") ?? ""), p.range()));
    this.#get("labels/:name/values", async (p, signal, c) => {
      const limit = p.integer("limit", DEFAULT_LABEL_VALUES, 1, limits.maxLabelValues);
      const name = (c.req.param("name") ?? "").replaceAll(".", "_");
      return labelValues(context, name, await p.selection(context), limit, signal);
    });
    this.#get("tree", async (p, signal) => {
      const options = {
        limit: p.integer("limit", DEFAULT_TREE_ROWS, 1, limits.maxRows),
        sparkSlots: SPARK_SLOTS,
      };
      return treeOf(context, await p.selection(context), options, signal);
    });
    this.#get("timeline", async (p, signal) => {
      const options = {
        groupBy: p.groupBy(),
        step: p.duration("step"),
        limit: p.integer("limit", DEFAULT_LINES, 1, limits.maxRows),
      };
      return timelineOf(context, await p.selection(context), options, signal);
    });
    this.#get("heatmap", async (p, signal) => {
      const rows = Number(p.oneOf("rows", HEATMAP_ROWS, "50"));
      return heatmapOf(context, await p.selection(context), rows, signal);
    });
    this.#get("top", async (p, signal) => {
      const limit = p.integer("limit", DEFAULT_TOP_ROWS, 1, limits.maxRows);
      using graph = await this.#graph(p, signal);
      return topOf(graph, limit);
    });
    this.#get("sandwich", async (p, signal) => {
      const name = p.required("function", "runtime.mallocgc");
      using graph = await this.#graph(p, signal);
      const { callers, callees } = sandwichOf(graph, name);
      const prune = this.#prune(p);
      const answer = ({ header, tree }: ShownGraph): unknown => flameAnswer(header, tree);
      return { function: name, callers: answer(show(callers, prune)), callees: answer(show(callees, prune)) };
    });
    this.#get("flamegraph", async (p, signal, c) => {
      const format = p.oneOf("format", ["json", "binary", "folded"], "json");
      if (format === "folded" && p.focus() !== undefined) {
        throw new QueryError("invalid", "folded text is of the whole graph", "Leave focus out, or ask for json.");
      }
      if (format === "folded") return this.#file(p, signal, c, format);
      using graph = await this.#graph(p, signal);
      return this.#flame(c, show(graph, this.#prune(p)), format);
    });
    this.#get("export", (p, signal, c) => this.#file(p, signal, c, p.oneOf("format", EXPORT_FORMATS, "pprof")));
    this.#get("unattributed", async (p, signal) => {
      const limit = p.integer("limit", DEFAULT_TREE_ROWS, 1, limits.maxRows);
      const { explain = () => undefined } = this.#settings;
      return unattributedOf(context, await p.selection(context), limit, explain, signal);
    });
    this.#get("diff", async (p, signal, c) => {
      const format = p.oneOf("format", ["json", "binary"], "json");
      using graph = await this.#graph(p, signal, true);
      return this.#flame(c, show(graph, this.#prune(p)), format);
    });
  }

  #state(): void {
    const { store, status, files = [] } = this.#settings;
    this.app.get("/api/v1/status", (c) => {
      const { visibleUpTo, oldest, bytes, lost, damaged } = store.state();
      const answer: StatusAnswer = {
        ...status(),
        files: files.map(({ name, bytes: size }) => ({ name, bytes: size })),
        visibleUpTo,
        oldest,
        bytes: Object.fromEntries(bytes),
        lost: Object.fromEntries(lost),
        damaged,
      };
      return this.#send(c, answer);
    });
    this.app.get("/api/v1/openapi.json", (c) => this.#send(c, openApiDocument(status().version)));
    this.app.get("/api/v1/files/:number", async (c) => {
      const file = files[Number(c.req.param("number"))];
      if (!file)
        throw new QueryError(
          "not-found",
          `there is no file ${c.req.param("number").slice(0, 20)}`,
          "/api/v1/status lists them.",
        );
      return this.#bytes(c, await file.read(), "application/octet-stream");
    });
  }

  #page(assets: Assets): void {
    this.app.get("*", async (c, next) => {
      const path = decodePath(c.req.path);
      if (path.startsWith("/api/")) return next();
      // Views are kept in the query of the page's address, so that there is one path for all of them.
      const asset = await assets.find(path);
      if (!asset) return next();
      const headers = { "cache-control": asset.cacheControl, etag: asset.etag };
      if (c.req.header("if-none-match") === asset.etag) return c.body(null, 304, headers);
      return this.#bytes(c, asset.bytes, asset.mediaType, headers);
    });
  }

  #get(path: string, ask: Ask): void {
    const known = parametersOf(`/api/v1/${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    this.app.get(`/api/v1/${path}`, (c) =>
      this.#admission.run(c.req.raw.signal, async (signal) => {
        const parameters = new Parameters(new URL(c.req.url).searchParams, this.#now());
        parameters.mustBeOf(known);
        const answer = await ask(parameters, signal, c);
        return answer instanceof Response ? answer : this.#send(c, answer);
      }),
    );
  }

  /** The graph that a request is about; of two selections where it says `other_query`, `other_from` or `other_to`. */
  async #graph(p: Parameters, signal: AbortSignal, isDiff = false) {
    const context = this.#context;
    const selection = await p.selection(context);
    const asksOther = ["other_query", "other_from", "other_to"].some((name) => p.text(name) !== undefined);
    const comparison =
      isDiff || asksOther
        ? {
            other: { ...(await p.selection(context, "other_")), type: selection.type },
            isRelative: p.oneOf("mode", ["absolute", "relative"], "absolute") === "relative",
          }
        : undefined;
    const options = { groupBy: p.groupBy(), granularity: p.oneOf("granularity", ["function", "line"], "function") };
    const graph = await graphOf(context, selection, options, comparison, signal);
    const focus = p.focus();
    return focus ? { ...graph, sources: focusOn(graph.sources, graph.functions, focus) } : graph;
  }

  async #file(p: Parameters, signal: AbortSignal, c: Context, format: ExportFormat): Promise<Response> {
    const selection = await p.selection(this.#context);
    const { bytes, mediaType, fileName } = await exportOf(this.#context, selection, format, p.groupBy(), signal);
    return this.#bytes(c, bytes, mediaType, {
      "cache-control": "no-store",
      "content-disposition": `attachment; filename="${fileName}"`,
    });
  }

  #prune(p: Parameters) {
    const { maxNodes } = this.#context.limits;
    return { maxNodes: p.integer("max_nodes", DEFAULT_NODES, 1, maxNodes), minShare: p.share("min_share", 0) };
  }

  #flame(c: Context, { header, tree }: ShownGraph, format: "json" | "binary"): Promise<Response> {
    if (format === "binary") return this.#bytes(c, encodeFlame(header, tree), FLAME_MEDIA_TYPE);
    return this.#send(c, flameAnswer(header, tree));
  }

  #send(c: Context, answer: unknown): Promise<Response> {
    return this.#bytes(c, new TextEncoder().encode(JSON.stringify(answer)), "application/json");
  }

  async #bytes(
    c: Context,
    bytes: Uint8Array,
    mediaType: string,
    headers: Readonly<Record<string, string>> = { "cache-control": "no-store" },
  ): Promise<Response> {
    const body = await compress(bytes, c.req.header("accept-encoding"));
    return c.body(new Uint8Array(body.bytes), 200, {
      ...headers,
      "content-type": mediaType,
      vary: "Accept-Encoding",
      ...(body.encoding === undefined ? {} : { "content-encoding": body.encoding }),
    });
  }

  /** Why nothing answers a path: it is that of another method, or of nothing. */
  #missing(path: string): QueryError {
    const shown = path.slice(0, 200);
    const methods = this.app.routes
      .filter((route) => route.method !== "ALL" && route.path !== "*" && patternOf(route.path).test(path))
      .map(({ method }) => method);
    if (methods.length > 0) {
      const remedy = `Send ${[...new Set(methods)].join(" or ")}.`;
      return new QueryError("method", `${shown} takes another method`, remedy);
    }
    return new QueryError("not-found", `there is no ${shown}`, "GET /api/v1/openapi.json lists what there is.");
  }

  #refuse(c: Context, { kind, message, remedy, cause }: QueryError): Response {
    if (kind === "internal") this.#settings.onInternalError?.(cause, c.req.path);
    const answer: ErrorAnswer = { error: { kind, message, remedy } };
    const headers: Record<string, string> = { "content-type": "application/json", "cache-control": "no-store" };
    if (kind === "overloaded" || kind === "unavailable") headers["retry-after"] = "2";
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers[name] = value;
    return new Response(JSON.stringify(answer), { status: statusOf(kind), headers });
  }
}

/** What a route's path stands for. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")}$`);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return "";
  }
}
