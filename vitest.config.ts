import { defineConfig } from "vitest/config";

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
          name: "unit",
          include: ["src/**/*.test.ts", "web/**/*.test.ts", "scripts/**/*.test.ts", "bench/**/*.test.ts"],
          pool: "threads",
          isolate: false,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/**/*.test.ts"],
          exclude: ["test/cluster/**", "test/peers/**"],
          pool: "forks",
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
    ],
  },
});
