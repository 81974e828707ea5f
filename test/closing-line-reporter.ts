import type { Reporter, TestModule } from "vitest/node";

/** Prints `N passed, N failed` (`, N skipped` where there are any) alone on the last line, for scripts and CI to read. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "pending") counts.failed++;
        else counts[state]++;
      }
      // A file that could not be loaded has no tests but is a failure all the same.
      if (module.errors().length > 0) counts.failed++;
    }
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
    const line = `${counts.passed} passed, ${counts.failed} failed${skipped}\n`;
    process.on("exit", () => process.stdout.write(line));
  }
}
