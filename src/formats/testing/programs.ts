import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What `go tool pprof` prints about a file. Throws with its own words where it refuses the file. */
export function goPprof(profile: Uint8Array, ...options: readonly string[]): string {
  return withFolder((folder) => {
    const file = join(folder, "profile.pb.gz");
    writeFileSync(file, profile);
    const environment = { ...process.env, PPROF_TMPDIR: folder, PPROF_BINARY_PATH: folder };
    return execFileSync("go", ["tool", "pprof", "-symbolize=none", ...options, file], {
      encoding: "utf8",
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
  });
}

/** Runs something with a folder of its own, which is gone afterwards. */
export function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "podflame-formats-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
