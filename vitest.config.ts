import { defineConfig } from "vitest/config";

/**
 * How long a test may take, and how long it waits for something to become true: long enough for a machine that is busy
 * with ten other things. A test that passes never waits for these.
 */
const PATIENCE = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 20_000 } } };

/**
 * Units beside the code run in shared threads (`isolate: false`), so a test must not leave globals changed.
 * What crosses modules (`test/`) starts processes and servers and runs in forks.
 */
export default defineConfig({
  test: {
    reporters: ["default", "./test/closing-line-reporter.ts"],
    passWithNoTests: false,
    projects: [
      {
        test: {
          ...PATIENCE,
          name: "unit",
          include: ["src/**/*.test.ts", "web/**/*.test.ts", "scripts/**/*.test.ts", "bench/**/*.test.ts"],
          pool: "threads",
          isolate: false,
        },
      },
      {
        test: {
          ...PATIENCE,
          name: "system",
          include: ["test/**/*.test.ts"],
          exclude: ["test/cluster/**", "test/peers/**"],
          pool: "forks",
        },
      },
    ],
  },
});
