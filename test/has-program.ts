import { execFileSync } from "node:child_process";

/**
 * Whether a program is there, for `test.skipIf`. Says loudly what is skipped; with PODFLAME_REQUIRE=all its absence is
 * an error.
 */
export function hasProgram(name: string, ...probe: readonly string[]): boolean {
  try {
    execFileSync(name, probe, { stdio: "ignore" });
    return true;
  } catch (error) {
    if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`${name} is missing`, { cause: error });
    process.stderr.write(`SKIPPED: tests that need ${name}\n`);
    return false;
  }
}
