/** What is under the pointer: everything that there is to say of a frame, beside it and never under the pointer itself. */
import type { JSX } from "preact";
import { type FlameTree, frameKind, packageOf, REMAINDER_FRAME } from "../flame/index.ts";
import { formatNumberOf, formatShare } from "../format/quantities.ts";
import { amountOf, formatChange, mainAmount } from "./amounts.ts";
import { sayKind } from "./frame-kinds.ts";
import type { GraphSession, Hover } from "./graph-session.ts";

const WIDTH = 380;
const OFFSET = 16;

export function Tooltip({
  session,
  tree,
}: {
  readonly session: GraphSession;
  readonly tree: FlameTree;
}): JSX.Element | null {
  const hover = session.hover.value;
  if (!hover || session.shown.peek()?.tree.length !== tree.length) return null;
  return (
    <div class="tooltip" aria-hidden="true" style={placeOf(hover)}>
      {hover.hit.kind === "node" ? <OfNode tree={tree} node={hover.hit.node} /> : <OfRun tree={tree} hit={hover.hit} />}
    </div>
  );
}

/** Right below the pointer, or left of it where there is no room. */
function placeOf({ x, y }: Hover): { left: string; top: string } {
  const room = document.documentElement.clientWidth;
  const left = x + OFFSET + WIDTH > room - 40 ? Math.max(0, x - OFFSET - WIDTH) : x + OFFSET;
  return { left: `${left}px`, top: `${y + OFFSET}px` };
}

function OfNode({ tree, node }: { readonly tree: FlameTree; readonly node: number }): JSX.Element {
  const frame = tree.frame[node]!;
  const parent = tree.parent(node);
  const text = frame >= 0 ? tree.frames.text(frame) : undefined;
  const name = frame === REMAINDER_FRAME ? "Smaller frames together" : tree.name(node) || "(no name)";
  return (
    <>
      <p class="name">{name}</p>
      <dl class="number">
        <Line label="Total" tree={tree} value={tree.total[node]!} />
        <Line label="Self" tree={tree} value={tree.self(node)} />
        {parent > 0 && tree.total[parent]! > 0 && (
          <div>
            <dt>Of its caller</dt>
            <dd>{formatShare(tree.total[node]! / tree.total[parent]!)}</dd>
          </div>
        )}
        {tree.other && <Compared tree={tree} node={node} />}
      </dl>
      {frame === REMAINDER_FRAME && <p class="origin">Zoom in to see them.</p>}
      {text && <p class="origin">{distinct([sayKind(frameKind(text)), packageOf(text), placeIn(text)]).join(" · ")}</p>}
    </>
  );
}

function Line({
  label,
  tree,
  value,
}: {
  readonly label: string;
  readonly tree: FlameTree;
  readonly value: number;
}): JSX.Element {
  const { cores, value: said, share } = amountOf(tree, value);
  return (
    <div>
      <dt>{tree.other ? `${label} before` : label}</dt>
      <dd>
        <strong>{share}</strong>
        {cores !== undefined && <span>{cores}</span>}
        <span>{said}</span>
      </dd>
    </div>
  );
}

function Compared({ tree, node }: { readonly tree: FlameTree; readonly node: number }): JSX.Element {
  const [first, other] = [tree.total[node]!, tree.other![node]!];
  const { cores, value, share } = amountOf(tree, other, "other");
  const wholes = { first: tree.total[0]!, other: tree.other![0]! };
  return (
    <>
      <div>
        <dt>Total after</dt>
        <dd>
          <strong>{share}</strong>
          {cores !== undefined && <span>{cores}</span>}
          <span>{value}</span>
        </dd>
      </div>
      <div>
        <dt>Change</dt>
        <dd>
          <strong>{formatChange(first, other, wholes, tree.diffScale === "relative")}</strong>
        </dd>
      </div>
    </>
  );
}

function OfRun({
  tree,
  hit,
}: {
  readonly tree: FlameTree;
  readonly hit: Extract<Hover["hit"], { kind: "run" }>;
}): JSX.Element {
  return (
    <>
      <p class="name">{formatNumberOf(hit.count, "frame")}, each too narrow to be drawn</p>
      <p>
        Together {mainAmount(amountOf(tree, hit.total))}, {formatShare(hit.share)}. Click to zoom in.
      </p>
    </>
  );
}

/** Texts that say something, each once. */
function distinct(parts: readonly string[]): readonly string[] {
  return [...new Set(parts)].filter((part) => part !== "");
}

function placeIn({
  file,
  line,
  mapping,
}: {
  readonly file: string;
  readonly line: number;
  readonly mapping: string;
}): string {
  if (file === "") return mapping;
  return line > 0 ? `${file}:${line}` : file;
}
