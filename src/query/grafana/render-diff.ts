import type { PrunedTree } from "../flame/prune.ts";
import { Parameters } from "../parameters/parameters.ts";
import { QueryError } from "../query-error.ts";
import { flamebearerDiff } from "./flamebearer.ts";
import type { DiffSide } from "./querier-messages.ts";

/** Types of which Pyroscope's page counts hits of a sampler, and those of which it counts things. */
const OBJECTS = /^(?:alloc_objects|inuse_objects|goroutines?|samples|contentions)$/;
const BYTES = /^(?:alloc_space|inuse_space)$/;
/** Hits are nanoseconds, so that there are so many a second. */
const CPU_RATE = 1_000_000_000;
const DEFAULT_RATE = 100;

/**
 * The two selections of `/pyroscope/render-diff`, by which Grafana's app compares: `leftQuery` (profile type and
 * selector), `leftFrom`, `leftUntil`, the same of `right`, and `max-nodes`.
 * @throws QueryError "invalid"
 */
export function selectionsOf(
  texts: URLSearchParams,
  now: number,
): { readonly left: DiffSide; readonly right: DiffSide } {
  const p = new Parameters(texts, now);
  const maxNodes = p.integer("max-nodes", 0, 0, Number.MAX_SAFE_INTEGER);
  const side = (name: "left" | "right"): DiffSide => {
    const query = p.required(`${name}Query`, "process_cpu:cpu:nanoseconds:cpu:nanoseconds{}");
    const at = query.indexOf("{");
    const start = p.time(`${name}From`);
    const end = p.time(`${name}Until`);
    if (start !== undefined && end !== undefined && start >= end) {
      throw new QueryError("invalid", `the time is empty: ${name}`, `${name}From must be earlier than ${name}Until.`);
    }
    return {
      profileTypeID: at < 0 ? query : query.slice(0, at),
      labelSelector: at < 0 ? "{}" : query.slice(at),
      start: start ?? 0,
      end: end ?? 0,
      maxNodes,
      stackTraceSelector: undefined,
      profileIdSelector: [],
      traceIdSelector: [],
      spanSelector: [],
    };
  };
  return { left: side("left"), right: side("right") };
}

/** A comparison as that address answers it. @param tree undefined where there is nothing on either side */
export function renderedDiff(tree: PrunedTree | undefined, profileTypeID: string) {
  const { names, levels, total, maxSelf, leftTicks, rightTicks } = tree ? flamebearerDiff(tree) : NOTHING;
  const type = profileTypeID.split(":")[1] ?? "";
  const units = OBJECTS.test(type) ? "objects" : BYTES.test(type) ? "bytes" : "samples";
  return {
    version: 1,
    flamebearer: { names, levels: levels.map(({ values }) => values), numTicks: total, maxSelf },
    metadata: {
      format: "double",
      spyName: "",
      sampleRate: type === "cpu" ? CPU_RATE : DEFAULT_RATE,
      units,
      name: type,
    },
    leftTicks,
    rightTicks,
  };
}

const NOTHING = {
  names: ["total"],
  levels: [{ values: [0, 0, 0, 0, 0, 0, 0] }],
  total: 0,
  maxSelf: 0,
  leftTicks: 0,
  rightTicks: 0,
} as const;
