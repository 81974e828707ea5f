import { stripVTControlCharacters } from "node:util";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** So many failures are named again at the end; what reads a log's tail sees them all. */
const NAMED_FAILURES = 40;

/**
 * Prints, behind all else, each failure on a line of its own, and `N passed, N failed` (`, N skipped` where there are
 * any) alone on the last line, for scripts and CI to read.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<SerializedError>): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const failures: string[] = [];
    const skipped = new Map<string, number>();
    const fail = (where: string, errors: ReadonlyArray<SerializedError>): void => {
      counts.failed++;
      failures.push(`FAILED ${where}: ${firstLine(errors[0]?.message ?? "did not end")}`);
    };
    for (const module of modules) {
      const file = module.relativeModuleId;
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === "pending" || state === "failed") fail(`${file} > ${test.fullName}`, errors ?? []);
        else counts[state]++;
        if (state === "skipped") skipped.set(file, (skipped.get(file) ?? 0) + 1);
      }
      // A file that could not be loaded has no tests but is a failure all the same, as is a hook that throws.
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) fail(`${file} > ${suite.fullName}`, suite.errors());
      }
      if (module.errors().length > 0) fail(file, module.errors());
    }
    for (const error of unhandledErrors) fail("outside of any test", [error]);
    const lines = [...skipped].map(([file, count]) => `SKIPPED ${count} in ${file}`);
    lines.push(...failures.slice(0, NAMED_FAILURES));
    if (failures.length > NAMED_FAILURES) lines.push(`FAILED ${failures.length - NAMED_FAILURES} more`);
    const told = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
    lines.push(`${counts.passed} passed, ${counts.failed} failed${told}`);
    process.on("exit", () => process.stdout.write(`${lines.join("\n")}\n`));
  }
}

function firstLine(message: string): string {
  return stripVTControlCharacters(message).trim().split("\n", 1)[0]!.slice(0, 200);
}
