import { expect } from "vitest";
import { watchPlan } from "#identity";
import { RESOURCES } from "#kubernetes";
import { SIGNALS, type Signal } from "#otlp";
import { k8sAttributesConfig } from "../../src/collector/components/k8s-attributes-processor/config.ts";
import { wantedBy } from "../../src/collector/components/k8s-attributes-processor/needs.ts";
import { type AttributesText, type Case, type Chapter, complete, type Step } from "./row.ts";
import { RunningProcessor } from "./running-processor.ts";

/** Holds a case against the real processor; throws where it doesn't hold. */
export async function runCase(given: Case, library: Chapter["objects"]): Promise<void> {
  const restore = setEnvironment(given.env ?? {});
  try {
    checkConfiguration(given);
    if (given.error !== undefined) return;
    const steps = stepsOf(given);
    const needsStart = given.start_error !== undefined || given.warning !== undefined;
    if (steps.length === 0 && !needsStart) return;
    const signals = given.signals === "all" ? SIGNALS : ((given.signals ?? ["traces"]) as readonly Signal[]);
    for (const signal of signals) await runSteps(given, steps, signal, library);
  } finally {
    restore();
  }
}

function checkConfiguration({ config, parsed, error, watches }: Case): void {
  const result = k8sAttributesConfig.parse(config ?? null);
  if ("problems" in result) {
    const problems = result.problems.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n");
    if (error === undefined) throw new Error(problems);
    expect(problems).toContain(error);
    return;
  }
  expect(error, "the configuration is accepted").toBeUndefined();
  if (parsed !== undefined) expect(result.config).toMatchObject(parsed as object);
  if (watches === undefined) return;
  const { source } = result.config;
  const plan = source?.kind === "api" ? watchPlan(source.selection, wantedBy(result.config)) : [];
  expect(
    plan.map(({ kind, selection }) =>
      [
        kind === "Pod" ? "pods" : RESOURCES[kind].name,
        selection.namespace === undefined ? "" : ` in ${selection.namespace}`,
        selection.fieldSelector === undefined ? "" : ` ?${selection.fieldSelector}`,
        selection.labelSelector === undefined ? "" : ` ?${selection.labelSelector}`,
      ].join(""),
    ),
  ).toEqual(watches);
}

function stepsOf({ steps, objects, send, peer, gives }: Case): readonly Step[] {
  if (steps !== undefined) return steps;
  if (send === undefined && objects === undefined) return [];
  return [{ send: send ?? {}, gives: gives ?? {}, ...(peer === undefined ? {} : { peer }) }];
}

async function runSteps(
  given: Case,
  steps: readonly Step[],
  signal: Signal,
  library: Chapter["objects"],
): Promise<void> {
  const completed = (objects: Case["objects"]): ReturnType<typeof complete>[] =>
    (objects ?? []).map((object) => complete(object, library));
  const plan = {
    config: given.config ?? null,
    signal,
    gates: given.gates ?? {},
    source: given.source ?? "test",
    objects: completed(given.objects),
  };
  if (given.start_error !== undefined) {
    const start = async (): Promise<void> => {
      await using processor = new RunningProcessor(plan);
      await processor.start();
    };
    await expect(start()).rejects.toThrow(given.start_error);
    return;
  }
  await using processor = new RunningProcessor(plan);
  await processor.start();
  if (given.warning !== undefined) expect(processor.logged.join("\n")).toContain(given.warning);
  for (const [at, step] of steps.entries()) {
    if (step.list !== undefined) processor.list(completed(step.list));
    if (step.upsert !== undefined) processor.upsert(completed(step.upsert));
    if (step.remove !== undefined) processor.remove(completed(step.remove));
    if (step.wait !== undefined) await processor.clock.advance(step.wait * 1_000);
    if (step.send !== undefined) {
      const named = await processor.send(step.send, step.peer);
      expect(named, `step ${at + 1}, ${signal}`).toEqual(step.send === null ? undefined : expected(step));
    }
    for (const [name, value] of Object.entries(step.metrics ?? {})) {
      expect(metricOf(processor, name), `step ${at + 1}: ${name}`).toBe(value);
    }
  }
  expect(processor.leased, "message buffers that were not given back").toBe(0);
}

/** What was sent, with what is given in its place or beside it. An unset value is decoded as undefined. */
function expected({ send, gives }: Step): AttributesText {
  const all = Object.entries({ ...send, ...gives });
  return Object.fromEntries(
    all
      .filter(([name, value]) => value !== null || gives === undefined || !(name in gives))
      .map(([name, value]) => [name, value ?? undefined]),
  ) as AttributesText;
}

/** The sum of all series of that name that have these labels among theirs. */
function metricOf({ metrics }: RunningProcessor, text: string): number {
  const [, name, labels] = /^([^{]+)(?:\{(.*)\})?$/.exec(text)!;
  const wanted = labels === undefined ? [] : labels.split(",");
  return metrics
    .render()
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name}_total{`))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

function setEnvironment(env: NonNullable<Case["env"]>): () => void {
  const before = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]));
  const assign = (values: Readonly<Record<string, string | null | undefined>>): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  assign(env);
  return () => assign(before);
}
