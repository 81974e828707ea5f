import { describe, test } from "vitest";
import { missingPeers, type PeerProgram } from "./locations.ts";

/**
 * A suite that needs programs which others made. Where one is missing the suite is skipped and its title says what is
 * missing and how to get it; with `PODFLAME_REQUIRE=all` it fails instead.
 */
export function describePeers(title: string, needs: readonly PeerProgram[], suite: () => void): void {
  const missing = missingPeers(needs);
  if (missing.length === 0) {
    describe(title, suite);
    return;
  }
  const what = `${title} needs ${missing.join("; ")}`;
  if (process.env["PODFLAME_REQUIRE"] === "all") {
    test(what, () => {
      throw new Error(what);
    });
    return;
  }
  console.warn(`SKIPPED: ${what}`);
  describe.skip(what, suite);
}
