import { counts, flag, integer, list, named, number, object, oneOf, type Schema, text } from "./schema.ts";

const TIME = "Milliseconds since 1970.";
const unit = text("What values are in, e.g. nanoseconds.");
const cores = flag("Values are time on a CPU: divided by the time covered they are cores.");
const coverage = named("Coverage");

const flameProperties = {
  type: text(),
  unit,
  cores,
  coverage,
  omitted: integer("Nodes that are in a remainder."),
  frames: list(named("Frame")),
  nodes: object(
    {
      frame: list(integer(), "Position in frames; -1 the root, -2 a remainder."),
      children: list(integer(), "How many children a node has; they follow one another, breadth first."),
      total: list(integer(), "With everything called."),
    },
    { other: list(integer(), "Of the second selection.") },
  ),
} as const;

/** Schemas of all answers (src/query/api.ts) by name. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: object({
    error: object({ kind: text(), message: text("What is wrong."), remedy: text("What to do; may be empty.") }),
  }),
  Coverage: object({
    from: number(TIME),
    to: number(TIME),
    visibleUpTo: number("Samples up to here are in answers."),
    total: number(),
    unattributed: number("Of it: neither container nor process is known."),
    unnamed: number("Of it: of containers whose pod is not known."),
    truncated: number("Of it: stacks that end before their root."),
    lost: number("Samples lost or refused since the start of the store."),
    gaps: list(object({ from: number(TIME), to: number(TIME) }), "Time that can't be read."),
    plan: text("What was read, for people."),
  }),
  Frame: object({
    name: text(),
    file: text(),
    line: integer("0: not known, or of no matter."),
    type: text("profile.frame.type; process, truncated or group for what is no function."),
    mapping: text("Binary or library."),
  }),
  ProfileTypes: object({
    types: list(object({ id: text(), unit, aggregation: oneOf(["sum", "mean", "last"]), cores })),
  }),
  Labels: object({ labels: list(text()) }),
  LabelValues: object({ values: list(text()), truncated: flag("There are more.") }),
  Tree: object({
    type: text(),
    unit,
    rows: list(
      object(
        {
          level: oneOf([
            "node",
            "cluster",
            "namespace",
            "workload",
            "revision",
            "pod",
            "container",
            "process",
            "host",
            "kernel",
            "unattributed",
          ]),
          depth: integer(),
          name: text(),
          detail: text("Kind of a workload, image of a container."),
          query: text("Selects exactly this row."),
          value: number(),
          share: number("Of the first row."),
          spark: list(number(), "Value by slot; empty for processes."),
          children: integer("Rows right below."),
          remainder: flag("Stands for rows that were left out."),
        },
        { cores: number("Average; absent for what is no CPU time.") },
      ),
      "In the order of a walk, heaviest first.",
    ),
    omitted: integer("Rows that were left out."),
    sparkline: object({ start: number(TIME), step: number("Milliseconds.") }),
    coverage,
  }),
  Timeline: object({
    type: text(),
    unit,
    start: number(TIME),
    step: number("Milliseconds."),
    slots: integer(),
    series: list(
      object({ name: text(), query: text(), remainder: flag(), values: list(number(), "By slot; cores where cores.") }),
      "Heaviest first.",
    ),
    cores,
    marks: list(object({ time: number(TIME), kind: oneOf(["revision", "restart"]), name: text(), query: text() })),
    coverage,
  }),
  Flame: object(flameProperties),
  Diff: object({ ...flameProperties, otherCoverage: coverage }),
  Top: object({
    type: text(),
    unit,
    cores,
    rows: list(
      object(
        { frame: named("Frame"), total: number("Recursion counts once."), self: number() },
        { otherTotal: number(), otherSelf: number() },
      ),
    ),
    omitted: integer("Rows that were left out."),
    coverage,
  }),
  Sandwich: object({ function: text(), callers: named("Flame"), callees: named("Flame") }),
  Heatmap: object({
    type: text(),
    start: number(TIME),
    step: number("Milliseconds a row."),
    columns: integer("A second each."),
    rows: integer(),
    values: list(number(), "At column * rows + row."),
    max: number(),
    coverage,
  }),
  Unattributed: object({
    rows: list(
      object({
        reason: text(),
        remedy: text(),
        what: text("Container id, address, service, process or host."),
        query: text(),
        value: number(),
        samples: number("0: can't be told."),
        lastSeen: number(TIME),
      }),
    ),
    coverage,
  }),
  Status: object(
    {
      version: text(),
      mode: object({ kind: oneOf(["live", "recorded", "files"]), reason: text(), remedy: text() }),
      files: list(object({ name: text(), bytes: integer() })),
      visibleUpTo: number(TIME),
      bytes: counts("What the store takes, by what for."),
      lost: counts("Samples not kept since the start, by reason."),
      damaged: list(text(), "Blocks that can't be read."),
    },
    { oldest: number("Oldest sample; absent for an empty store.") },
  ),
  Ingest: object({ samples: integer(), rejected: counts("Samples that were not kept, by reason.") }),
};
