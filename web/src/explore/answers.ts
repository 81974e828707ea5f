/** What the explorer asks the server for; one loader a panel, shared by the views that show the same. */
import type { TimelineAnswer, TreeAnswer } from "../../../src/query/api.ts";
import { getJson } from "../api/client.ts";
import { Loader } from "../state/loading.ts";
import type { Times } from "../state/shown-times.ts";

export const tree = new Loader<TreeAnswer>();
export const timeline = new Loader<TimelineAnswer>();

/** Rows that are asked for: more than anybody reads, and some 100 kB. */
const TREE_LIMIT = 2000;

/**
 * The tree of everything: the selection is a row of it.
 * @param asked the times as the address says them: while a store is young, others are asked for from one answer to the next
 */
export function loadTree(asked: string, { from, to }: Times, type: string): Promise<void> {
  return tree.load(`${asked} ${type}`, (signal, progress) =>
    getJson("tree", { from, to, type, limit: TREE_LIMIT }, { signal, progress }),
  );
}

export function loadTimeline(
  asked: string,
  query: string,
  { from, to }: Times,
  type: string,
  groupBy: string | undefined,
): Promise<void> {
  return timeline.load(`${asked} ${query} ${type} ${groupBy}`, (signal, progress) =>
    getJson("timeline", { query, from, to, type, group_by: groupBy, limit: 7 }, { signal, progress }),
  );
}
