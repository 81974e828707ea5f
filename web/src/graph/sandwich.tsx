/** One function with everybody who calls it above and everything that it calls below. */
import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { type FlameEngine, type FlameTree, type FunctionTable as Functions, topFunctions } from "../flame/index.ts";
import { navigate, page } from "../state/page.ts";
import { amountOf, mainAmount } from "./amounts.ts";
import { FlameCanvas } from "./flame-canvas.tsx";
import { FunctionTable } from "./function-table.tsx";
import { GraphSession } from "./graph-session.ts";

const MAX_HEIGHT = 300;

export function Sandwich({
  session,
  engine,
  functions,
}: {
  readonly session: GraphSession;
  readonly engine: FlameEngine;
  readonly functions: Functions;
}): JSX.Element {
  const { tree } = engine;
  const wanted = page.value.function;
  const frame = useMemo(() => frameNamed(tree, functions, wanted), [tree, functions, wanted]);
  return (
    <div class="sandwich">
      <FunctionTable
        session={session}
        tree={tree}
        functions={functions}
        selected={frame}
        onSelect={(chosen) => navigate({ function: tree.frames.name(chosen) })}
      />
      {frame < 0 ? (
        <p class="nothing">
          {wanted === "" ? "No function to show." : `${wanted} is not in this graph: choose another function.`}
        </p>
      ) : (
        <Halves key={frame} engine={engine} functions={functions} frame={frame} />
      )}
    </div>
  );
}

/** The function that is asked for; the one that uses most by itself where none is. */
function frameNamed(tree: FlameTree, functions: Functions, name: string): number {
  const byself = topFunctions(functions, "self", Number.MAX_SAFE_INTEGER);
  if (name === "") return byself[0] ?? -1;
  return byself.find((frame) => tree.frames.name(frame) === name) ?? -1;
}

function Halves({
  engine,
  functions,
  frame,
}: {
  readonly engine: FlameEngine;
  readonly functions: Functions;
  readonly frame: number;
}): JSX.Element {
  const { tree } = engine;
  const name = tree.frames.name(frame);
  const callers = useHalf(engine, "callers", name);
  const callees = useHalf(engine, "focus", name);
  const total = amountOf(tree, functions.total[frame]!);
  const self = amountOf(tree, functions.self[frame]!);
  return (
    <div class="halves">
      <h2 title={name}>{name || "(no name)"}</h2>
      <p class="number">
        Total <strong>{total.share}</strong>, {mainAmount(total)} · self <strong>{self.share}</strong>,{" "}
        {mainAmount(self)}
      </p>
      <h3>Called by</h3>
      <Half session={callers} label={`Callers of ${name}`} upward />
      <h3>Calls</h3>
      <Half session={callees} label={`What ${name} calls`} />
    </div>
  );
}

function Half({
  session,
  label,
  upward = false,
}: {
  readonly session: GraphSession;
  readonly label: string;
  readonly upward?: boolean;
}): JSX.Element {
  const tree = session.shown.value?.tree;
  if (!tree) return <p class="nothing">{session.problem.value}</p>;
  return (
    <FlameCanvas
      session={session}
      tree={tree}
      label={label}
      orientation={upward ? "flame" : "icicle"}
      maxHeight={MAX_HEIGHT}
      rootless
    />
  );
}

/** A session of its own, kept up to date with the whole graph's. */
function useHalf(engine: FlameEngine, kind: "callers" | "focus", name: string): GraphSession {
  const session = useMemo(() => new GraphSession(), []);
  const asked = useSignal(engine);
  asked.value = engine;
  useSignalEffect(() => void session.show(asked.value, [{ kind, name }]));
  return session;
}
