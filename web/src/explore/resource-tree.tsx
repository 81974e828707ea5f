/**
 * The way in: everything that used the CPUs as one tree, from the node down to processes, with cores and share on every
 * row. Host processes, the kernel and what is unattributed are rows too, so that the sum is the node.
 */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { TreeAnswer, TreeRow } from "../../../src/query/api.ts";
import { formatCores, formatCoresBare, formatShare, formatValue } from "../format/quantities.ts";
import { navigate, page } from "../state/page.ts";
import { Icon } from "../ui/icon.tsx";
import { Sparkline } from "./sparkline.tsx";
import { rowMark, type VisibleRow, visibleRows } from "./tree-rows.ts";

export function ResourceTree({
  answer,
  onSelect,
}: {
  readonly answer: TreeAnswer;
  readonly onSelect: (row: TreeRow) => void;
}): JSX.Element {
  const { treeSort, treeFilter, toggled, query } = page.value;
  const rows = useMemo(
    () => visibleRows(answer, { sort: treeSort, filter: treeFilter, toggled: new Set(toggled), selected: query }),
    [answer, treeSort, treeFilter, toggled, query],
  );
  const cores = answer.rows[0]?.cores !== undefined;
  const focus = useRovingRow(rows);

  const toggle = (row: VisibleRow): void => {
    const mark = rowMark(row.row);
    navigate(
      { toggled: toggled.includes(mark) ? toggled.filter((other) => other !== mark) : [...toggled, mark] },
      "replace",
    );
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = rows.findIndex(({ index }) => index === focus.index.value);
    const row = rows[at];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const handled = ((): boolean => {
      switch (event.key) {
        case "ArrowDown":
          return focus.move(rows[at + 1]);
        case "ArrowUp":
          return focus.move(rows[at - 1]);
        case "Home":
          return focus.move(rows[0]);
        case "End":
          return focus.move(rows.at(-1));
        case "ArrowRight":
          if (row.open === false) toggle(row);
          return row.open === true ? focus.move(rows[at + 1]) : true;
        case "ArrowLeft":
          if (row.open !== true) return focus.move(rows.find(({ index }) => index === row.parent));
          toggle(row);
          return true;
        case "Enter":
        case " ":
          if (!row.row.remainder) onSelect(row.row);
          return true;
        default:
          return false;
      }
    })();
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="resource-tree" role="treegrid" aria-label="Kubernetes tree" ref={focus.root} onKeyDown={onKeyDown}>
      <div class="head" role="row">
        <SortHeading by="name" label="Name" />
        <span role="columnheader" class="trend">
          Trend
        </span>
        <SortHeading by="cores" label={cores ? "Cores" : "Value"} />
        <span role="columnheader" class="share">
          Share
        </span>
      </div>
      {rows.map((row) => (
        <Row
          key={`${row.row.level} ${row.row.query} ${row.row.name}`}
          visible={row}
          unit={answer.unit}
          selected={row.row.query === query && !row.row.remainder}
          focusable={row.index === focus.index.value}
          onFocus={() => (focus.index.value = row.index)}
          onToggle={() => toggle(row)}
          onSelect={() => {
            if (!row.row.remainder) onSelect(row.row);
          }}
        />
      ))}
      {rows.length === 0 && <p class="nothing">Nothing here has “{treeFilter}” in its name.</p>}
    </div>
  );
}

function SortHeading({ by, label }: { readonly by: "cores" | "name"; readonly label: string }): JSX.Element {
  const sorted = page.value.treeSort === by;
  return (
    <span role="columnheader" class={by} aria-sort={sorted ? (by === "name" ? "ascending" : "descending") : undefined}>
      <button type="button" onClick={() => navigate({ treeSort: by }, "replace")}>
        {label}
        {sorted && <Icon name="chevron" turned />}
      </button>
    </span>
  );
}

/** Rows whose detail (kind, image) is worth its room; others have it in their tooltip. */
const DETAILED: ReadonlySet<string> = new Set(["workload", "container"]);

function Row({
  visible,
  unit,
  selected,
  focusable,
  onFocus,
  onToggle,
  onSelect,
}: {
  readonly visible: VisibleRow;
  readonly unit: string;
  readonly selected: boolean;
  readonly focusable: boolean;
  readonly onFocus: () => void;
  readonly onToggle: () => void;
  readonly onSelect: () => void;
}): JSX.Element {
  const { row, open } = visible;
  const value = row.cores === undefined ? formatValue(row.value, unit) : formatCoresBare(row.cores);
  return (
    <div
      role="row"
      class={`row ${row.level}${row.remainder ? " remainder" : ""}`}
      data-index={visible.index}
      aria-level={row.depth + 1}
      aria-posinset={visible.position}
      aria-setsize={visible.siblings}
      aria-expanded={open}
      aria-selected={selected}
      tabIndex={focusable ? 0 : -1}
      onFocus={onFocus}
      onClick={onSelect}
      onDblClick={onToggle}
    >
      <span role="gridcell" class="name" style={{ paddingInlineStart: `${row.depth * 14}px` }}>
        {open === undefined ? (
          <span class="twisty" />
        ) : (
          <span
            class="twisty"
            onClick={(event) => {
              event.stopPropagation();
              onToggle();
            }}
          >
            <Icon name="chevron" turned={open} />
          </span>
        )}
        <span class="text" title={`${row.name}${row.detail === "" ? "" : ` · ${row.detail}`}`}>
          <span>{row.name}</span> {DETAILED.has(row.level) && row.detail !== "" && <small>{row.detail}</small>}
        </span>
      </span>
      <span role="gridcell" class="trend">
        <Sparkline values={row.spark} />
      </span>
      <span role="gridcell" class="cores number" title={row.cores === undefined ? undefined : formatCores(row.cores)}>
        {value}
      </span>
      <span role="gridcell" class="share number">
        {formatShare(row.share)}
        <span class="bar" style={{ inlineSize: `${Math.max(0, Math.min(1, row.share)) * 100}%` }} />
      </span>
    </div>
  );
}

/** One row at a time takes part in the order of Tab; arrows move which. */
function useRovingRow(rows: readonly VisibleRow[]): {
  readonly root: { current: HTMLDivElement | null };
  readonly index: { value: number };
  readonly move: (row: VisibleRow | undefined) => boolean;
} {
  const root = useRef<HTMLDivElement>(null);
  const index = useSignal(0);
  useEffect(() => {
    if (rows.length > 0 && !rows.some((row) => row.index === index.value)) index.value = rows[0]!.index;
  }, [rows]);
  return {
    root,
    index,
    move: (row) => {
      if (!row) return true;
      index.value = row.index;
      root.current?.querySelector<HTMLElement>(`[data-index="${row.index}"]`)?.focus();
      return true;
    },
  };
}
