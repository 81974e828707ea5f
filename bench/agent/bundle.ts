/** The program as its users have it. */
import { spawnSync } from "node:child_process";
import { REPOSITORY } from "../../test/peers/locations.ts";

/**
 * Makes the bundle that `bin/podflame` starts, of the sources as they are. Without it the sources themselves would be
 * measured wherever one is newer than the bundle, and they take 16 MiB more. Throws if it can't be made.
 */
export function makeBundle(): void {
  const { status } = spawnSync(process.execPath, ["scripts/bundle.mjs"], { cwd: REPOSITORY, stdio: "inherit" });
  if (status !== 0) throw new Error(`scripts/bundle.mjs ended with ${status}: no bundle to measure`);
}
