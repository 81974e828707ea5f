/** The functions of a graph as a table: what the picture shows, in numbers; pointing at one marks it in the other. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { coresOf, type FlameTree, type FunctionTable as Functions } from "../flame/index.ts";
import { formatCoresBare, formatNumberOf, formatShare, formatValue } from "../format/quantities.ts";
import { navigate, page } from "../state/page.ts";
import { CHANGES, type PageState } from "../state/page-state.ts";
import { Segmented } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { formatChange } from "./amounts.ts";
import { type FunctionRow, listFunctions } from "./function-list.ts";
import type { GraphSession } from "./graph-session.ts";

const MAX_ROWS = 300;

export interface FunctionTableProps {
  readonly session: GraphSession;
  readonly tree: FlameTree;
  readonly functions: Functions;
  /** Frame of the row that is marked. */
  readonly selected: number;
  readonly onSelect: (frame: number) => void;
}

export function FunctionTable({ session, tree, functions, selected, onSelect }: FunctionTableProps): JSX.Element {
  const { tableSort, changes } = page.value;
  const matches = session.matches.value;
  const { rows, omitted } = useMemo(
    () => listFunctions(tree, functions, { sort: tableSort, changes, matches, limit: MAX_ROWS }),
    [tree, functions, tableSort, changes, matches],
  );
  const hit = session.hover.value?.hit;
  const hovered = hit?.kind === "node" ? tree.frame[hit.node]! : -1;
  const isDiff = tree.other !== undefined;
  const shown = { tree, functions, isDiff };
  return (
    <div class="function-table">
      {isDiff && <ChangesFilter />}
      <div class="scroller" tabIndex={0} role="region" aria-label="Functions">
        <table>
          <thead>
            <tr>
              <Heading by="name" label="Function" />
              <Heading by="self" label={isDiff ? "Self before" : "Self"} />
              {isDiff && <th scope="col">After</th>}
              <Heading by="total" label={isDiff ? "Total before" : "Total"} />
              {isDiff && <th scope="col">After</th>}
              {isDiff && <Heading by="change" label="Change" />}
            </tr>
          </thead>
          <tbody onMouseLeave={() => (session.highlighted.value = -1)}>
            {rows.map((row) => (
              <Row
                key={row.frame}
                row={row}
                {...shown}
                mark={row.frame === selected ? "selected" : row.frame === hovered ? "hovered" : ""}
                onPoint={() => (session.highlighted.value = row.frame)}
                onSelect={() => onSelect(row.frame)}
              />
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p class="nothing">No function fits.</p>}
        {omitted > 0 && <p class="nothing">{formatNumberOf(omitted, "more function")}: search to find them.</p>}
      </div>
    </div>
  );
}

const CHANGE_LABELS: Readonly<Record<PageState["changes"], string>> = {
  all: "All",
  changed: "Changed",
  new: "New",
  gone: "Gone",
};

function ChangesFilter(): JSX.Element {
  return (
    <Segmented
      label="Functions that are"
      value={page.value.changes}
      options={CHANGES.map((value) => ({ value, label: CHANGE_LABELS[value] }))}
      onChange={(changes) => navigate({ changes })}
    />
  );
}

function Heading({ by, label }: { readonly by: PageState["tableSort"]; readonly label: string }): JSX.Element {
  const sorted = page.value.tableSort === by;
  return (
    <th scope="col" class={by} aria-sort={sorted ? (by === "name" ? "ascending" : "descending") : undefined}>
      <button type="button" onClick={() => navigate({ tableSort: by }, "replace")}>
        {label}
        {sorted && <Icon name="chevron" turned />}
      </button>
    </th>
  );
}

function Row({
  row,
  tree,
  functions,
  isDiff,
  mark,
  onPoint,
  onSelect,
}: {
  readonly row: FunctionRow;
  readonly tree: FlameTree;
  readonly functions: Functions;
  readonly isDiff: boolean;
  readonly mark: string;
  readonly onPoint: () => void;
  readonly onSelect: () => void;
}): JSX.Element {
  const name = tree.frames.name(row.frame) || "(no name)";
  const wholes = { first: functions.whole, other: functions.otherWhole };
  return (
    <tr class={mark} aria-current={mark === "selected" ? "true" : undefined} onMouseEnter={onPoint} onClick={onSelect}>
      <th scope="row">
        <button type="button" title={name} onFocus={onPoint}>
          {name}
        </button>
      </th>
      <Cell tree={tree} value={row.self} whole={functions.whole} />
      {isDiff && <Cell tree={tree} value={row.otherSelf} whole={functions.otherWhole} other />}
      <Cell tree={tree} value={row.total} whole={functions.whole} />
      {isDiff && <Cell tree={tree} value={row.otherTotal} whole={functions.otherWhole} other />}
      {isDiff && (
        <td class={`number change ${row.change > 0 ? "more" : row.change < 0 ? "less" : ""}`}>
          {formatChange(row.total, row.otherTotal, wholes, tree.diffScale === "relative")}
        </td>
      )}
    </tr>
  );
}

function Cell({
  tree,
  value,
  whole,
  other = false,
}: {
  readonly tree: FlameTree;
  readonly value: number;
  readonly whole: number;
  readonly other?: boolean;
}): JSX.Element {
  const share = whole > 0 ? value / whole : 0;
  const cores = coresOf(tree.measure, value, other);
  return (
    <td class="number">
      <span class="bar" style={{ inlineSize: `${Math.min(1, share) * 100}%` }} />
      <span title={formatValue(value, tree.measure.unit)}>
        {cores === undefined ? formatValue(value, tree.measure.unit) : formatCoresBare(cores)}
      </span>{" "}
      <small>{formatShare(share)}</small>
    </td>
  );
}
