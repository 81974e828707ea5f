import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/**
 * A page in a headless Chromium, driven by the DevTools protocol over pipes. Keeps what the page asked the network for
 * and what it complained about.
 */
export class ChromiumPage implements AsyncDisposable {
  /** URLs other than the page's own. */
  readonly requests: string[] = [];
  /** Errors and violations of the Content-Security-Policy. */
  readonly complaints: string[] = [];
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #events = new Map<string, () => void>();
  #session: string | undefined;
  #next = 1;

  private constructor(process: ChildProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
    let buffered = "";
    (process.stdio[4] as Readable).setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (buffered + chunk).split("\0");
      buffered = parts.pop()!;
      for (const part of parts) this.#receive(JSON.parse(part) as Message);
    });
  }

  /** Opens a file and waits until it is loaded. */
  static async open(file: string, width = 1200, height = 700): Promise<ChromiumPage> {
    const folder = mkdtempSync(join(tmpdir(), "podflame-chromium-"));
    const options = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      `--window-size=${width},${height}`,
    ];
    const process = spawn("chromium", [...options, "--remote-debugging-pipe", `--user-data-dir=${folder}`], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    const page = new ChromiumPage(process, folder);
    try {
      await page.#load(file);
      return page;
    } catch (error) {
      await page[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #load(file: string): Promise<void> {
    const { targetId } = await this.#send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#send("Target.attachToTarget", { targetId, flatten: true });
    this.#session = sessionId as string;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.#send(`${domain}.enable`, {});
    const loaded = new Promise<void>((resolve) => this.#events.set("Page.loadEventFired", resolve));
    await this.#send("Page.navigate", { url: `file://${file}` });
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result } = await this.#send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    return (result as { value?: unknown }).value;
  }

  /** Presses a key, e.g. `ArrowDown` or `/`. */
  async press(key: string): Promise<void> {
    const text = key.length === 1 ? { text: key } : {};
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", key, ...text });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", key });
  }

  async mouse(type: "mouseMoved" | "mousePressed" | "mouseReleased", x: number, y: number): Promise<void> {
    await this.#send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
  }

  /** What the page looks like, as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#send("Page.captureScreenshot", { format: "png" });
    return Buffer.from(data as string, "base64");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill();
    await gone;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  #send(method: string, params: object): Promise<Readonly<Record<string, unknown>>> {
    const id = this.#next++;
    const sessionId = this.#session;
    const text = JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) });
    (this.#process.stdio[3] as Writable).write(`${text}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result ?? {});
      });
    });
  }

  #receive(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
      return;
    }
    const { method = "", params = {} } = message;
    this.#events.get(method)?.();
    if (method === "Network.requestWillBeSent") {
      const { url } = params["request"] as { url: string };
      if (!url.startsWith("file:")) this.requests.push(url);
    } else if (method === "Log.entryAdded") {
      this.complaints.push((params["entry"] as { text: string }).text);
    } else if (method === "Runtime.exceptionThrown") {
      this.complaints.push(JSON.stringify(params["exceptionDetails"]));
    }
  }
}
