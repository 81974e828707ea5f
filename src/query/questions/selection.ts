import { compileMatcher, type Matcher, type ProfileType, type Selector, type TimeRange } from "#store";
import { QueryError } from "../query-error.ts";
import type { QueryContext } from "./context.ts";

/** What samples a question is about. */
export interface Selection {
  /** Without matchers of `process`. */
  readonly selector: Selector;
  /**
   * Matchers of the label `process`. It isn't one of series, but stands at the root of stacks, so that a container's
   * processes need no series of their own.
   */
  readonly process: readonly Matcher[];
  readonly range: TimeRange;
  readonly type: SelectedType;
  /** Spans and traces, in hex; undefined for all samples. */
  readonly links: readonly string[] | undefined;
  /** Only stacks that begin with frames of these names, outermost first: the process, then what it calls. */
  readonly callSite?: readonly string[];
}

export interface SelectedType extends ProfileType {
  /** Values are time on a CPU, so that they can be told in cores. */
  readonly isCpuTime: boolean;
}

/** The label that selects by the process at the root of stacks. */
export const PROCESS_LABEL = "process";

export function isCpuTime({ id, unit }: Pick<ProfileType, "id" | "unit">): boolean {
  return id === "cpu" && unit === "nanoseconds";
}

/**
 * The type of that name, or without one what is shown first: CPU time where there is any.
 * @throws QueryError "not-found" where no sample in the range is of that type
 */
export async function selectType(
  { store }: QueryContext,
  wanted: string | undefined,
  range: TimeRange,
): Promise<SelectedType> {
  const types = await store.profileTypes(range);
  const id = wanted ?? (types.some((type) => type.id === "cpu") ? "cpu" : types[0]?.id);
  const found = types.find((type) => type.id === id);
  if (found) return { ...found, isCpuTime: isCpuTime(found) };
  // An empty store isn't a mistake of who asks it for what it usually has.
  if (types.length === 0 && (id === undefined || id === "cpu")) {
    return { id: "cpu", unit: "nanoseconds", aggregation: "sum", period: undefined, isCpuTime: true };
  }
  throw new QueryError(
    "not-found",
    `no samples of type ${JSON.stringify(id)} in this time`,
    types.length === 0 ? "Ask for a longer time." : `There are: ${types.map((type) => type.id).join(", ")}.`,
  );
}

/** Takes the matchers of `process` out of a selector. */
export function splitProcess(selector: Selector): Pick<Selection, "selector" | "process"> {
  return {
    selector: selector.filter(({ name }) => name !== PROCESS_LABEL),
    process: selector.filter(({ name }) => name === PROCESS_LABEL),
  };
}

/** Whether the name of a process satisfies its matchers. */
export function processTest(matchers: readonly Matcher[]): (name: string) => boolean {
  const tests = matchers.map(compileMatcher);
  return (name) => tests.every((holds) => holds(name));
}
