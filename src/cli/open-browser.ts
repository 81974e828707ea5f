import { spawn } from "node:child_process";

/**
 * Opens a page in the user's browser, if there seems to be a screen with a user before it. Whether it worked nobody knows:
 * the caller has printed the URL.
 */
export function openBrowser(url: string, env: NodeJS.ProcessEnv = process.env): void {
  const isMac = process.platform === "darwin";
  const hasScreen = isMac || Boolean(env["DISPLAY"] ?? env["WAYLAND_DISPLAY"]);
  // Browsers refuse to run as root.
  if (!hasScreen || !process.stderr.isTTY || process.getuid?.() === 0) return;
  const child = spawn(isMac ? "open" : "xdg-open", [url], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
}
