/** What the colours mean, and how much of each there is. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { type ColourMode, type FlameTree, legendOf, paletteOf } from "../flame/index.ts";
import { formatShare } from "../format/quantities.ts";
import { page } from "../state/page.ts";
import { theme } from "../state/theme.ts";
import { sayKind } from "./frame-kinds.ts";

/** Beyond that, walking all nodes on the main thread would be felt. */
const MAX_NODES = 300_000;
const MAX_ENTRIES = 8;

export function Legend({ tree }: { readonly tree: FlameTree }): JSX.Element | null {
  const { colouring } = page.value;
  const palette = useMemo(() => paletteOf(theme.value), [theme.value]);
  const mode: ColourMode = tree.other && colouring === "kind" ? "diff" : colouring;
  const entries = useMemo(() => (tree.length > MAX_NODES ? [] : legendOf(tree, mode, MAX_ENTRIES)), [tree, mode]);
  if (mode === "diff") return <DiffLegend />;
  if (entries.length === 0) return null;
  return (
    <ul class="legend" aria-label="Colours, with self time">
      {entries.map(({ name, kind, fill, share }) => (
        <li key={name}>
          <span>
            <span class="swatch" style={{ background: palette.fills[fill] }} />
            {kind ? sayKind(kind) : name || "(no package)"} <span class="number">{formatShare(share)}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function DiffLegend(): JSX.Element {
  return (
    <ul class="legend diff" aria-label="Colours">
      <li>
        <span>
          <span class="swatch gone" /> Gone
        </span>
      </li>
      <li>
        <span>
          <span class="swatch less" /> Less than before
        </span>
      </li>
      <li>
        <span>
          <span class="swatch same" /> As before
        </span>
      </li>
      <li>
        <span>
          <span class="swatch more" /> More
        </span>
      </li>
      <li>
        <span>
          <span class="swatch new" /> New
        </span>
      </li>
    </ul>
  );
}
