/** What a deployment is held against: the workload's other revisions until then. */
import type { TimelineAnswer } from "../../../src/query/api.ts";
import type { PageState, Selection } from "../state/page-state.ts";

type Mark = TimelineAnswer["marks"][number];

/** The state that compares a new revision with what ran before; undefined for marks that aren't deployments. */
export function compareRevision(mark: Mark, range: Pick<Selection, "from" | "to">): Partial<PageState> | undefined {
  if (mark.kind !== "revision" || !/\brevision="/.test(mark.query)) return undefined;
  const others = mark.query.replace(/\brevision="/, 'revision!="');
  const time = String(Math.round(mark.time));
  return {
    view: "diff",
    zoom: "",
    query: mark.query,
    from: time,
    to: range.to,
    other: { query: others, from: range.from, to: time },
  };
}
