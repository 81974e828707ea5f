import { homedir } from "node:os";
import { join } from "node:path";

/** Where what is kept for this user goes (XDG Base Directory Specification): `~/.local/share/podflame`. */
export function dataFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_DATA_HOME"];
  // The specification says to ignore relative ones.
  return join(base?.startsWith("/") === true ? base : join(homedir(), ".local", "share"), "podflame");
}
