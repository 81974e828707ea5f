import { EXPORT_FORMATS } from "../export/export.ts";
import { FLAME_MEDIA_TYPE } from "../flame/flame-encoding.ts";
import { INGEST_FORMATS } from "../ingest/ingest.ts";
import { integer, named, oneOf, type Schema, text } from "./schema.ts";
import { SCHEMAS } from "./schemas.ts";

/** A parameter of a path or a query. */
interface Parameter {
  readonly name: string;
  readonly in: "query" | "path";
  readonly required: boolean;
  readonly description: string;
  readonly schema: Schema;
  readonly example?: string;
}

function parameter(name: string, description: string, example = "", schema: Schema = text()): Parameter {
  return { name, in: "query", required: false, description, schema, ...(example === "" ? {} : { example }) };
}

const QUERY = parameter(
  "query",
  "Matchers of labels as Prometheus has them; absent: everything. `process` selects by the process at the root of stacks.",
  '{namespace="shop", pod=~"cart-.*"}',
);
const TIME = [
  parameter(
    "from",
    "now-1h30m, RFC 3339, or seconds, milliseconds or nanoseconds since 1970. Default now-1h.",
    "now-1h",
  ),
  parameter("to", "As `from`; not included. Default now.", "now"),
];
const TYPE = parameter("type", "Profile type. Default cpu, or the first there is.", "cpu");
const LINK = parameter("link", "Only samples of these spans (16 hex digits) or traces (32), with commas between.");
/** For answers that are made of series, which don't know spans. */
const SERIES = [QUERY, ...TIME, TYPE];
const SELECTION = [...SERIES, LINK];
const GROUP_BY = parameter("group_by", "Labels, with commas between.", "namespace");
const LIMIT = parameter("limit", "At most so many; the rest is said to be left out.", "", integer());
const GRANULARITY = parameter("granularity", "Whether frames differ by line.", "", oneOf(["function", "line"]));
const GRAPH = [
  GRANULARITY,
  parameter("max_nodes", "Nodes at most; default 20000.", "", integer()),
  parameter("min_share", "Nodes below this share of the root are left out.", "0.001", { type: "number" }),
];
const FOCUS = parameter(
  "focus",
  "Only the part at one node: keys of the frames on the way to it, with dots between. A key is the 32-bit FNV-1a of name, file, line, type and mapping, a zero byte after each.",
);
const OTHER = [
  parameter("other_query", "The second selection; what is absent is as in the first."),
  parameter("other_from", "See `from`."),
  parameter("other_to", "See `to`."),
  parameter("mode", "relative: the second is scaled to the sum of the first.", "", oneOf(["absolute", "relative"])),
];

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

const json = (name: string): Content => ({ "application/json": { schema: named(name) } });
const BINARY: Schema = { type: "string", format: "binary" };
const graphContent = (name: string): Content => ({ ...json(name), [FLAME_MEDIA_TYPE]: { schema: BINARY } });

function responses(content: Content) {
  const error = { description: "What is wrong, and what to do about it.", content: json("Error") };
  return { "200": { description: "The answer.", content }, default: error };
}

function get(summary: string, parameters: readonly Parameter[], content: Content) {
  return { get: { summary, parameters, responses: responses(content) } };
}

const LABEL_NAME: Parameter = {
  ...parameter("name", "Label; dots may stand for underscores.", "namespace"),
  in: "path",
  required: true,
};
const FILE_NUMBER: Parameter = { ...parameter("number", "From 0.", "0", integer()), in: "path", required: true };
const FUNCTION: Parameter = { ...parameter("function", "Its name.", "runtime.mallocgc"), required: true };

/** The API in OpenAPI 3.1, as `/api/v1/openapi.json` answers it. */
export function openApiDocument(version: string) {
  return {
    openapi: "3.1.0",
    info: { title: "podflame", version, description: "Profiles by Kubernetes identity. See docs/query.md." },
    paths: {
      "/api/v1/profile_types": get("What was profiled in a time.", TIME, json("ProfileTypes")),
      "/api/v1/labels": get("Names of labels.", [QUERY, ...TIME], json("Labels")),
      "/api/v1/labels/{name}/values": get(
        "Values of a label.",
        [LABEL_NAME, QUERY, ...TIME, LIMIT],
        json("LabelValues"),
      ),
      "/api/v1/tree": get(
        "Everything by where it ran: cluster, namespace, workload, revision, pod, container, process, host, kernel.",
        [...SERIES, LIMIT],
        json("Tree"),
      ),
      "/api/v1/timeline": get(
        "Use over time, with deployments and restarts.",
        [...SERIES, GROUP_BY, LIMIT, parameter("step", "At least so long.", "30s")],
        json("Timeline"),
      ),
      "/api/v1/flamegraph": get(
        "Stacks merged. With an `other_` parameter as `diff`.",
        [
          ...SELECTION,
          ...OTHER,
          GROUP_BY,
          FOCUS,
          ...GRAPH,
          parameter("format", "", "", oneOf(["json", "binary", "folded"])),
        ],
        { ...graphContent("Flame"), "text/plain; charset=utf-8": { schema: text() } },
      ),
      "/api/v1/diff": get(
        "Two selections on one graph.",
        [...SELECTION, ...OTHER, GROUP_BY, FOCUS, ...GRAPH, parameter("format", "", "", oneOf(["json", "binary"]))],
        graphContent("Diff"),
      ),
      "/api/v1/top": get(
        "Functions by their own time. With an `other_` parameter of two selections.",
        [...SELECTION, ...OTHER, GROUP_BY, FOCUS, GRANULARITY, LIMIT],
        json("Top"),
      ),
      "/api/v1/sandwich": get(
        "What calls a function, and what it calls.",
        [FUNCTION, ...SELECTION, GROUP_BY, FOCUS, ...GRAPH],
        json("Sandwich"),
      ),
      "/api/v1/heatmap": get(
        "Samples within each second. Needs raw events.",
        [...SERIES, parameter("rows", "Parts of a second.", "50", integer())],
        json("Heatmap"),
      ),
      "/api/v1/export": get(
        "The selection as a file.",
        [...SELECTION, GROUP_BY, parameter("format", "Default pprof.", "pprof", oneOf(EXPORT_FORMATS))],
        { "application/octet-stream": { schema: BINARY } },
      ),
      "/api/v1/unattributed": get("What has no name, why, and what to do.", [...SERIES, LIMIT], json("Unattributed")),
      "/api/v1/status": get("State of the server and its store.", [], json("Status")),
      "/api/v1/files/{number}": get("A file that the page was started with.", [FILE_NUMBER], {
        "application/octet-stream": { schema: BINARY },
      }),
      "/api/v1/openapi.json": get("This document.", [], { "application/json": { schema: { type: "object" } } }),
      "/api/v1/ingest": {
        post: {
          summary: "Stores profiles of any format, known by its bytes.",
          parameters: [
            parameter("format", "Where the bytes don't tell.", "", oneOf(INGEST_FORMATS)),
            parameter("attribute", "Of the resource; may be repeated. Not for OTLP.", "service.name=cart"),
            parameter("from", "When it was recorded, where the file doesn't say."),
          ],
          requestBody: { content: { "application/octet-stream": { schema: BINARY } } },
          responses: responses(json("Ingest")),
        },
      },
    },
    components: { schemas: SCHEMAS },
  } as const;
}

/** Names of the parameters that GET of a path takes; `/api/v1/labels/{name}/values`. */
export function parametersOf(path: string): ReadonlySet<string> {
  const found = Object.entries(openApiDocument("").paths).find(([key]) => key === path)?.[1];
  const parameters = found !== undefined && "get" in found ? found.get.parameters : [];
  return new Set(parameters.flatMap(({ name, in: place }) => (place === "query" ? [name] : [])));
}
