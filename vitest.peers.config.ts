import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "peers",
    include: ["test/peers/**/*.test.ts"],
    reporters: ["default", "./test/closing-line-reporter.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
