/**
 * Takes the pictures of the README: `node scripts/readme-pictures.ts`, as root. Starts pods with programs in Go, C,
 * JavaScript and Python in a containerd of its own, has podflame sample this machine, and keeps what Chromium shows of
 * it. What the programs compute is made for it; samples and names are what podflame found.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, chromium } from "playwright-core";
import { NodeOfPods } from "../test/agent/harness/node-of-pods.ts";
import { NODE_IN_CONTAINER, NODE_MOUNTS } from "../test/agent/harness/workloads.ts";
import { Program } from "../test/peers/program.ts";

const ROOT = join(import.meta.dirname, "..");
const PODFLAME = join(ROOT, "bin/podflame");
const TARGET = join(ROOT, "docs/images");
const FOREVER = "1000000";
/** So long the machine is sampled before something changes, and after it. */
const SAMPLED_MS = Number(process.argv[2] ?? 60) * 1000;

/** Starts the programs, each in a pod of its own. */
async function startPods(node: NodeOfPods): Promise<void> {
  const { workloads } = node;
  await node.run(["/bin/burn-go", FOREVER, "sorting=60", "alpha=40"], { namespace: "shop", name: "checkout" });
  await node.run([NODE_IN_CONTAINER, "/opt/busy.mjs", FOREVER], {
    namespace: "shop",
    name: "storefront",
    mounts: { ...NODE_MOUNTS, "/opt/busy.mjs": workloads.script("busy") },
  });
  await node.run(["/usr/bin/python3", "/opt/busy.py", FOREVER], {
    namespace: "data",
    name: "reports",
    mounts: {
      "/usr": "/usr",
      "/lib64": "/lib64",
      "/lib/x86_64-linux-gnu": "/lib/x86_64-linux-gnu",
      "/opt/busy.py": workloads.python(),
    },
  });
  await node.run(["/bin/burn", FOREVER, "alpha=70", "beta=30"], { namespace: "data", name: "index" });
}

/** `podflame up` that asks this containerd for names, and nobody else. */
function startPodflame(folder: string, socket: string, port: number): Program {
  const preset = join(folder, "up.yaml");
  const identity = join(folder, "identity.yaml");
  writeFileSync(preset, execFileSync(PODFLAME, ["config", "print", "up"]));
  writeFileSync(
    identity,
    `extensions:
  k8s_identity: { sources: [cri], node: node-1, cri: { endpoint: "unix://${socket}" } }
  ui: { endpoint: "127.0.0.1:${port}" }
service:
  extensions: [ui, k8s_identity]
  pipelines: { profiles: { receivers: [profiling] } }
  telemetry: { metrics: { level: none } }
`,
  );
  const args = ["run", "--config", preset, "--config", identity];
  return new Program("podflame", PODFLAME, args, { env: { PODFLAME_DATA: join(folder, "data") } });
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Opens an address, waits until its answers are there, and keeps the picture. */
async function take(browser: Browser, name: string, url: string, ready: string, dark = false): Promise<void> {
  const page = await browser.newPage({
    viewport: { width: 1280, height: 800 },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  await page.goto(url);
  await page.locator(ready).first().waitFor();
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: join(TARGET, `${name}.png`) });
  await page.close();
}

const folder = mkdtempSync(join(tmpdir(), "podflame-pictures-"));
const node = await NodeOfPods.start("burn", "burn-go");
let podflame: Program | undefined;
let browser: Browser | undefined;
try {
  await startPods(node);
  const port = await freePort();
  podflame = startPodflame(folder, node.containerd.socket, port);
  await podflame.listening(port);
  const start = Date.now();
  await sleep(SAMPLED_MS);
  // One more program: what the comparison shows.
  const change = Date.now();
  await node.run(["/bin/burn", FOREVER, "gamma=100"], { namespace: "data", name: "reindex" });
  await sleep(SAMPLED_MS);

  mkdirSync(TARGET, { recursive: true });
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  const page = `http://127.0.0.1:${port}/`;
  const sides = `&from=${change}&to=now&other_from=${start}&other_to=${change}`;
  const containers = encodeURIComponent('{origin="container"}');
  await take(browser, "explore", page, ".flame canvas");
  await take(
    browser,
    "compare",
    `${page}?view=diff&query=${containers}&other_query=${containers}${sides}`,
    ".flame canvas",
    true,
  );
  await take(browser, "sandwich", `${page}?query=${containers}&show=sandwich&wide=1`, ".halves canvas");
} finally {
  await browser?.close();
  await podflame?.stop();
  await node[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}
