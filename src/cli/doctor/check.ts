import { ExitCode } from "../exit.ts";
import { printable, tableLines } from "../inspect/text-table.ts";

/** What is examined, in this order: what comes later needs what comes before. */
export const TOPICS = [
  "configuration",
  "association",
  "api",
  "rights",
  "node",
  "sources",
  "names",
  "containers",
  "runtime",
  "kernel",
  "collector",
] as const;
export type Topic = (typeof TOPICS)[number];

/** One thing that was looked at. */
export interface Check {
  readonly topic: Topic;
  /** What it is about, e.g. `capability CAP_BPF`. */
  readonly what: string;
  /** A note is about something that could be better, or that somebody who wonders should know. */
  readonly state: "ok" | "note" | "problem";
  /** What was found. */
  readonly detail: string;
  /** What to do. */
  readonly remedy?: string;
  /** A problem of what the user wrote rather than of what is here. */
  readonly isUsers?: boolean;
}

/** How the process ends: what the user wrote counts more than what is missing here. */
export function exitCodeOf(checks: readonly Check[]): ExitCode {
  const problems = checks.filter(({ state }) => state === "problem");
  if (problems.some(({ isUsers }) => isUsers === true)) return ExitCode.USER;
  return problems.length > 0 ? ExitCode.MISSING : ExitCode.DONE;
}

/** For scripts. */
export function checksAsJson(checks: readonly Check[]): string {
  const listed = checks.map(({ topic, what, state, detail, remedy }) => ({ topic, what, state, detail, remedy }));
  return `${JSON.stringify(listed, null, 2)}\n`;
}

const STATES: Readonly<Record<Check["state"], string>> = { ok: "ok", note: "note", problem: "PROBLEM" };

/** A line for each check under its topic; below those that aren't fine, what to do. */
export function reportLines(checks: readonly Check[]): string[] {
  const lines: string[] = [];
  for (const topic of TOPICS) {
    const ofTopic = checks.filter((check) => check.topic === topic);
    if (ofTopic.length === 0) continue;
    lines.push(topic);
    const table = tableLines(
      ofTopic.map(({ state, what, detail }) => [STATES[state].padEnd(STATES.problem.length), what, detail]),
      "  ",
    );
    for (const [at, line] of table.entries()) {
      const { remedy } = ofTopic[at]!;
      lines.push(line, ...(remedy === undefined ? [] : [`           → ${printable(remedy)}`]));
    }
  }
  const problems = checks.filter(({ state }) => state === "problem").length;
  const verdict = problems === 0 ? "Nothing is wrong." : problems === 1 ? "1 problem." : `${problems} problems.`;
  return [...lines, "", verdict];
}
