/**
 * One function with everybody who calls it above and everything that it calls below. Where the graph was culled by the
 * server, the server is asked too: what the graph gives is shown until its answer comes.
 */
import { useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { Sandwich as Halved } from "../api/sandwiches.ts";
import {
  type FlameEngine,
  type FlameTree,
  type FunctionTable as Functions,
  functionsOf,
  stacksOf,
  topFunctions,
} from "../flame/index.ts";
import { Loader } from "../state/loading.ts";
import { navigate, page } from "../state/page.ts";
import { Button } from "../ui/button.tsx";
import { amountOf, mainAmount } from "./amounts.ts";
import { FlameCanvas } from "./flame-canvas.tsx";
import { FunctionTable } from "./function-table.tsx";
import { GraphSession } from "./graph-session.ts";

const MAX_HEIGHT = 300;

/** Asks for the sandwich of a function by its name, out of all samples. */
export type AskSandwich = (name: string, signal: AbortSignal) => Promise<Halved>;

export interface SandwichProps {
  readonly session: GraphSession;
  readonly engine: FlameEngine;
  readonly functions: Functions;
  /** Undefined where the engine knows all that there is, or nobody knows more. */
  readonly ask: AskSandwich | undefined;
  /** Said with halves that lack what the graph lacks; empty where they don't. */
  readonly caveat: string;
}

export function Sandwich({ session, engine, functions, ask, caveat }: SandwichProps): JSX.Element {
  const { tree } = engine;
  const wanted = page.value.function;
  const frame = useMemo(() => frameNamed(tree, functions, wanted), [tree, functions, wanted]);
  const name = wanted === "" && frame >= 0 ? tree.frames.name(frame) : wanted;
  const loader = useMemo(() => new Loader<Halved>(), []);
  useEffect(() => {
    // Without a name there is nothing to be told apart by.
    if (ask && name !== "") void loader.load(name, (signal) => ask(name, signal));
    else loader.dispose();
  }, [ask, name]);
  useEffect(() => () => loader.dispose(), []);
  const answer = ask ? loader.value : undefined;
  // The server knows calls only: a process has the graph's halves.
  const answered = answer && answer.callees.tree.length > 1 ? answer : undefined;
  const { kind } = loader.state.value;
  const isThere = frame >= 0 || answered !== undefined;
  const failed = ask !== undefined && kind === "failed" ? loader.state.value : undefined;
  return (
    <div class="sandwich">
      <FunctionTable
        session={session}
        tree={tree}
        functions={functions}
        selected={frame}
        onSelect={(chosen) => navigate({ function: tree.frames.name(chosen) })}
      />
      <div class="halves">
        {failed && (
          <p class="notice" role="alert">
            <span>This lacks what is too small for the graph: {failed.error.message}</span>
            <Button label="Try again" onClick={() => void loader.again()} />
          </p>
        )}
        {isThere ? (
          <Halves key={name} engine={engine} functions={functions} frame={frame} name={name} answered={answered} />
        ) : (
          <p class="nothing">{ask && kind === "loading" ? "Looking for it…" : sayAbsent(name)}</p>
        )}
        {isThere && caveat !== "" && <p class="nothing">{caveat}</p>}
      </div>
    </div>
  );
}

function sayAbsent(name: string): string {
  return name === "" ? "No function to show." : `${name} is not in this graph: choose another function.`;
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
  name,
  answered,
}: {
  readonly engine: FlameEngine;
  readonly functions: Functions;
  readonly frame: number;
  readonly name: string;
  readonly answered: Halved | undefined;
}): JSX.Element {
  const { tree } = engine;
  const callers = useHalf(engine, "callers", name, answered?.callers);
  const callees = useHalf(engine, "focus", name, answered?.callees);
  const used = useMemo(
    () =>
      (answered && usedBy(answered.callees.tree, name)) ?? {
        total: functions.total[frame] ?? 0,
        self: functions.self[frame] ?? 0,
      },
    [answered, functions, frame, name],
  );
  const total = amountOf(tree, used.total);
  const self = amountOf(tree, used.self);
  return (
    <>
      <h2 title={name}>{name || "(no name)"}</h2>
      <p class="number">
        Total <strong>{total.share}</strong>, {mainAmount(total)} · self <strong>{self.share}</strong>,{" "}
        {mainAmount(self)}
      </p>
      <h3>Called by</h3>
      <Half session={callers} label={`Callers of ${name}`} upward />
      <h3>Calls</h3>
      <Half session={callees} label={`What ${name} calls`} />
    </>
  );
}

/** What a function uses by what it calls: all of that tree, and what is the function's own in it. */
function usedBy(callees: FlameTree, name: string): { readonly total: number; readonly self: number } | undefined {
  const stacks = stacksOf(callees);
  if (!stacks) return undefined;
  const { self } = functionsOf(stacks, callees.frames);
  let own = 0;
  for (let frame = 0; frame < self.length; frame++) if (callees.frames.name(frame) === name) own += self[frame]!;
  return { total: callees.total[0]!, self: own };
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

/** A session of its own, kept up to date with the whole graph's, or with the server's answer once that is there. */
function useHalf(
  engine: FlameEngine,
  kind: "callers" | "focus",
  name: string,
  answered: FlameEngine | undefined,
): GraphSession {
  const session = useMemo(() => new GraphSession(), []);
  const asked = useSignal({ engine, answered });
  if (asked.peek().engine !== engine || asked.peek().answered !== answered) asked.value = { engine, answered };
  useSignalEffect(() => {
    const { engine: whole, answered: half } = asked.value;
    void session.show(half ?? whole, half ? [] : [{ kind, name }]);
  });
  return session;
}
