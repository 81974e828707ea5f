import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { CONFIGURATIONS, EXPECTED_IN_SOME } from "../peers/configurations.ts";
import { EXPECTED } from "../peers/expected-differences.ts";
import { parseReference } from "./references.ts";
import { type Chapter, type Row, type Verdict, verdictOf } from "./row.ts";

/** What somebody asked the Collector's processor for, and where podflame stands. */
export interface Wish {
  /** Numbers of the Collector's issues, or `owner/repository#number`. */
  readonly issues: readonly string[];
  readonly wish: string;
  readonly state: "solved" | "differs" | "open";
  readonly answer: string;
  /** Tests, as `TestReference`. */
  readonly held?: readonly string[];
}

/** Wishes about one thing. */
export interface WishChapter {
  readonly title: string;
  readonly rows: readonly Wish[];
}

/** The wishes, in the order of the file. */
export function wishes(): readonly WishChapter[] {
  return parse(readFileSync(join(import.meta.dirname, "complaints.yaml"), "utf8")) as WishChapter[];
}

const VERDICTS: readonly Verdict[] = ["same", "differs", "not applicable", "open"];

/** Everything that is compared, as Markdown. */
export function report(chapters: readonly Chapter[], wishChapters: readonly WishChapter[]): string {
  const [own, upstream] = [chapters.filter(isOwn), chapters.filter((chapter) => !isOwn(chapter))];
  return [
    "# Compatibility with the Collector's `k8s_attributes`",
    "",
    "Made from `test/conformance` by its test (`UPDATE_GOLDEN=1 npx vitest run test/conformance` writes it anew). Each row is " +
      "a behaviour of the OpenTelemetry Collector's processor, numbered as in our catalogue of its tests, and runs against " +
      "podflame's processor from YAML and the API server's JSON to the bytes that leave.",
    "",
    ...summary(upstream),
    "",
    "## What differs, and why",
    "",
    ...table(
      ["row", "the Collector", "podflame"],
      upstream.flatMap(({ rows }) =>
        rows.filter((row) => row.differs !== undefined).map((row) => [row.row, row.says, row.differs!]),
      ),
    ),
    "",
    "## What doesn't apply, and what is open",
    "",
    ...table(
      ["row", "the Collector", "", "why"],
      upstream.flatMap(({ rows }) =>
        rows
          .filter((row) => row.not_applicable !== undefined || row.open !== undefined)
          .map((row) => [row.row, row.says, verdictOf(row), (row.not_applicable ?? row.open)!]),
      ),
    ),
    "",
    "## Side by side with the real Collector",
    "",
    "`npm run test:peers` sends the same resources through the Collector 0.159 and through podflame, both on one API server " +
      "with some seventy pods, and compares every attribute. These differences are meant; any other fails the test.",
    "",
    ...EXPECTED.map(({ reason }) => `- ${reason}`),
    "",
    `And in some of the ${CONFIGURATIONS.length} configurations that are compared besides:`,
    "",
    ...EXPECTED_IN_SOME.map(({ reason }) => `- ${reason}`),
    "",
    "## What users have asked for",
    "",
    "Numbers alone are issues of open-telemetry/opentelemetry-collector-contrib.",
    "",
    ...wishSummary(wishChapters),
    "",
    ...wishChapters.flatMap(({ title, rows }) => [
      `### ${title}`,
      "",
      ...table(
        ["issues", "wish", "", "podflame"],
        rows.map(({ issues, wish, state, answer, held = [] }) => [
          issues.map(linked).join(", "),
          wish,
          state,
          [`${answer}.`, ...held.map(shortReference)].join(" "),
        ]),
      ),
      "",
    ]),
    "## All rows",
    "",
    ...[...upstream, ...own].flatMap(({ title, rows }) => [
      `### ${title}`,
      "",
      ...table(
        ["row", "behaviour", "podflame", "held by"],
        rows.map((row) => [row.row, row.says, verdictOf(row), heldBy(row)]),
      ),
      "",
    ]),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

/** Rows that the Collector's tests have no like of. */
function isOwn({ rows }: Chapter): boolean {
  return rows.every(({ row }) => row.startsWith("OWN-"));
}

function summary(chapters: readonly Chapter[]): readonly string[] {
  const count = (rows: readonly Row[], verdict: Verdict): number =>
    rows.filter((row) => verdictOf(row) === verdict).length;
  const line = (title: string, rows: readonly Row[]): readonly string[] => [
    title,
    String(rows.length),
    ...VERDICTS.map((verdict) => String(count(rows, verdict))),
  ];
  const all = chapters.flatMap(({ rows }) => rows);
  return table(
    ["", "rows", ...VERDICTS],
    [...chapters.map(({ title, rows }) => line(title, rows)), line("all", all).map((cell) => `**${cell}**`)],
  );
}

function wishSummary(chapters: readonly WishChapter[]): readonly string[] {
  const all = chapters.flatMap(({ rows }) => rows);
  const count = (state: Wish["state"]): number => all.filter((wish) => wish.state === state).length;
  return [
    `${all.length} wishes: ${count("solved")} solved, ${count("differs")} met differently or not here, ${count("open")} open.`,
  ];
}

function heldBy({ cases = [], elsewhere = [] }: Row): string {
  const own = cases.length === 0 ? [] : [cases.length === 1 ? "1 case" : `${cases.length} cases`];
  return [...own, ...elsewhere.map(shortReference)].join(", ");
}

function shortReference(reference: string): string {
  const { path, name } = parseReference(reference);
  // Rows of this page need no path.
  return path.endsWith(".yaml") ? `(${name})` : `\`${path}\``;
}

function linked(issue: string): string {
  if (/^\d+$/.test(issue)) {
    return `[${issue}](https://github.com/open-telemetry/opentelemetry-collector-contrib/issues/${issue})`;
  }
  const [repository, number] = issue.split("#");
  return number === undefined ? issue : `[${issue}](https://github.com/${repository}/issues/${number})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
