/**
 * `npm run bench -- accuracy`: whether profiles are right: shares of known functions, sums, containers that live for
 * 200 ms, call paths beside perf's, stacks without frame pointers, functions of Python. docs/accuracy.md says what each line means.
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { NodeOfPods } from "../../test/agent/harness/node-of-pods.ts";
import { canRunContainers, canSample } from "../../test/agent/harness/requirements.ts";
import { hasProgram } from "../../test/has-program.ts";
import type { Outcome } from "./accuracy/outcome.ts";
import { measurePaused } from "./accuracy/paused.ts";
import { comparePaths } from "./accuracy/perf-paths.ts";
import { measurePython } from "./accuracy/python.ts";
import { measureShares, SUBJECTS } from "./accuracy/shares.ts";
import { measureShortLived } from "./accuracy/short-lived.ts";
import { measureUnwinding } from "./accuracy/unwinding.ts";
import { progress } from "../command.ts";
import { markdownTable } from "../figures.ts";

const PARTS = ["shares", "short-lived", "paths", "paused", "unwinding", "python"] as const;

const HELP = `usage: npm run bench -- accuracy [options]

  --only LIST        of ${PARTS.join(",")}
  --hz N             rate, default 99
  --seconds N        length of each run, default 30
  --containers N     that live for 200 ms, default 100

Needs root, containerd, runc, busybox-static, gcc, go and perf (linux-perf), and a machine that does nothing else.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: PARTS.join(",") },
      hz: { type: "string", default: "99" },
      seconds: { type: "string", default: "30" },
      containers: { type: "string", default: "100" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [hz, seconds, containers] = [Number(values.hz), Number(values.seconds), Number(values.containers)];
  const wanted = new Set(values.only.split(","));
  const unknown = [...wanted].find((name) => !(PARTS as readonly string[]).includes(name));
  if (unknown !== undefined || !(hz > 0) || !(seconds > 0) || !(containers > 0)) {
    process.stderr.write(`${unknown === undefined ? "numbers must be above 0" : `--only ${unknown}`}\n\n${HELP}`);
    return 2;
  }
  if (![canSample(), canRunContainers(), hasProgram("perf", "version")].every(Boolean)) return 2;

  const load = loadavg()[0]!;
  await using node = await NodeOfPods.start("burn", "burn-go");
  const outcomes: Outcome[] = [];
  const add = (found: readonly Outcome[]): void => {
    for (const { what, found: value, passed } of found) progress(`${passed ? "ok" : "MISSED"}  ${what}: ${value}`);
    outcomes.push(...found);
  };
  if (wanted.has("shares")) for (const subject of SUBJECTS) add(await measureShares(node, subject, hz, seconds));
  if (wanted.has("short-lived")) add(await measureShortLived(node, containers, hz));
  if (wanted.has("paths")) add(await comparePaths(node, hz, seconds));
  if (wanted.has("unwinding")) add(await measureUnwinding(hz, seconds));
  if (wanted.has("python")) add(await measurePython(hz, seconds));
  if (wanted.has("paused")) add(await measurePaused(node, hz, seconds));

  const cells = outcomes.map(({ what, found, wanted: goal, passed }) => [what, found, goal, passed ? "yes" : "**no**"]);
  const document = { benchmark: "accuracy", hz, seconds, cpus: cpus().length, loadBefore: load, outcomes };
  process.stdout.write(
    `${markdownTable(["what", "found", "wanted", "reached"], cells)}\n\n${JSON.stringify(document)}\n`,
  );
  return outcomes.every(({ passed }) => passed) ? 0 : 1;
}

process.exitCode = await main();
