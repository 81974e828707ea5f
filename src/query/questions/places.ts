import type { Matcher } from "#store";
import type { TreeLevel } from "../api.ts";

/** One step on the way from the root to a container. */
export interface PlaceStep {
  readonly level: TreeLevel;
  readonly name: string;
  readonly detail: string;
  /** With those of the steps above they select exactly what is here. */
  readonly matchers: readonly Matcher[];
}

/** The way to a pod, from the outside in. */
export const POD_LABELS = ["cluster", "namespace", "workload_kind", "workload_name", "revision", "pod"] as const;

/** Labels by which the tree is laid out: series that have all of them in common are one place. */
export const PLACE_LABELS = [
  "origin",
  "named",
  ...POD_LABELS,
  "container",
  "container_image_name",
  "container_id",
] as const;

export type PlaceLabel = (typeof PLACE_LABELS)[number];

/** Containers nobody named, by their ids. */
const UNNAMED: PlaceStep = {
  level: "unattributed",
  name: "Unnamed containers",
  detail: "containers whose pod is not known",
  matchers: [equal("origin", "container"), equal("named", "false")],
};

/** What isn't in a container, by the label `origin`. */
const OUTSIDE: Readonly<Record<string, PlaceStep>> = {
  host: {
    level: "host",
    name: "Host processes",
    detail: "processes outside of containers",
    matchers: [equal("origin", "host")],
  },
  kernel: { level: "kernel", name: "Kernel", detail: "kernel threads", matchers: [equal("origin", "kernel")] },
  unattributed: {
    level: "unattributed",
    name: "Unattributed",
    detail: "neither container nor process is known",
    matchers: [equal("origin", "unattributed")],
  },
};

/** Where a place is in the tree: its steps below the root. Levels of which nothing is known are left out. */
export function stepsOf(label: (name: PlaceLabel) => string): readonly PlaceStep[] {
  const outside = OUTSIDE[label("origin")];
  if (outside) return [...clusterStep(label), outside];
  const named = label("named") !== "false";
  const steps = [...clusterStep(label)];
  const step = (level: TreeLevel, name: PlaceLabel, detail = "", more: readonly Matcher[] = []): void => {
    if (label(name) !== "")
      steps.push({ level, name: label(name), detail, matchers: [equal(name, label(name)), ...more] });
  };
  if (!named) steps.push(UNNAMED);
  step("namespace", "namespace");
  step("workload", "workload_name", label("workload_kind"), [equal("workload_kind", label("workload_kind"))]);
  // A pod of no workload has an image that could be called its revision, but nothing that could be rolled out.
  if (label("workload_name") !== "") step("revision", "revision");
  step("pod", "pod");
  if (label("pod") !== "" && label("container") !== "") step("container", "container", label("container_image_name"));
  else {
    // Without a pod two containers may have the same name.
    const name = label("container") || label("container_id").slice(0, 12) || "(unknown container)";
    const matchers = [equal("container_id", label("container_id"))];
    steps.push({ level: "container", name, detail: label("container_image_name"), matchers });
  }
  return steps;
}

function clusterStep(label: (name: PlaceLabel) => string): PlaceStep[] {
  const name = label("cluster");
  return name === "" ? [] : [{ level: "cluster", name, detail: "", matchers: [equal("cluster", name)] }];
}

export function equal(name: string, value: string): Matcher {
  return { name, op: "=", value };
}
