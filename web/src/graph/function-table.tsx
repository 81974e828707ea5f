/** The functions of a graph as a table: what the picture shows, in numbers; pointing at one marks it in the other. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { coresOf, type FlameTree, type FunctionTable as Functions } from "../flame/index.ts";
import { formatCoresBare, formatNumberOf, formatShare } from "../format/quantities.ts";
import { navigate, page } from "../state/page.ts";
import { CHANGES, type PageState } from "../state/page-state.ts";
import { Segmented } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { amountOf, formatChange } from "./amounts.ts";
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
  const shown: Shown = { tree, functions, isDiff, most: mostOf(rows, tree.otherScale) };
  return (
    <div class="function-table">
      {isDiff && <ChangesFilter />}
      <div class="scroller" tabIndex={0} role="region" aria-label="Functions">
        <table class={isDiff ? "diff" : ""}>
          <thead>
            <tr>
              <Heading by="name" label="Function" />
              <Heading by="self" label={isDiff ? "Self before" : "Self"} />
              {isDiff && (
                <th scope="col" class="self">
                  After
                </th>
              )}
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

/** The largest values of what is shown, on the first side's scale: bars are long in proportion to them. */
interface Most {
  readonly self: number;
  readonly total: number;
}

function mostOf(rows: readonly FunctionRow[], otherScale: number): Most {
  let [self, total] = [0, 0];
  for (const row of rows) {
    self = Math.max(self, row.self, row.otherSelf * otherScale);
    total = Math.max(total, row.total, row.otherTotal * otherScale);
  }
  return { self, total };
}

interface Shown {
  readonly tree: FlameTree;
  readonly functions: Functions;
  readonly isDiff: boolean;
  readonly most: Most;
}

function Row({
  row,
  mark,
  onPoint,
  onSelect,
  ...shown
}: Shown & {
  readonly row: FunctionRow;
  readonly mark: string;
  readonly onPoint: () => void;
  readonly onSelect: () => void;
}): JSX.Element {
  const { tree, functions, isDiff } = shown;
  const name = tree.frames.name(row.frame) || "(no name)";
  const wholes = { first: functions.whole, other: functions.otherWhole };
  return (
    <tr class={mark} aria-current={mark === "selected" ? "true" : undefined} onMouseEnter={onPoint} onClick={onSelect}>
      <th scope="row">
        <button type="button" title={name} onFocus={onPoint}>
          {name}
        </button>
      </th>
      <Cell {...shown} column="self" value={row.self} />
      {isDiff && <Cell {...shown} column="self" value={row.otherSelf} side="other" />}
      <Cell {...shown} column="total" value={row.total} />
      {isDiff && <Cell {...shown} column="total" value={row.otherTotal} side="other" />}
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
  functions,
  most,
  column,
  value,
  side = "first",
}: Shown & {
  readonly column: "self" | "total";
  readonly value: number;
  readonly side?: "first" | "other";
}): JSX.Element {
  const isOther = side === "other";
  const { value: said } = amountOf(tree, value, side);
  const cores = coresOf(tree.measure, value, isOther);
  const whole = isOther ? functions.otherWhole : functions.whole;
  const share = formatShare(whole > 0 ? value / whole : 0);
  const amount = cores === undefined ? said : formatCoresBare(cores);
  // Where shares are compared they are what the change is of.
  const [main, beside] = tree.diffScale === "relative" ? [share, amount] : [amount, share];
  const length = (isOther ? value * tree.otherScale : value) / most[column];
  return (
    <td class={`number ${column}`}>
      <span class="bar" style={{ "--part": most[column] > 0 ? length : 0 }} />
      <span title={`${said}, ${share}`}>{main}</span> <small>{beside}</small>
    </td>
  );
}
