/** What `npm run bench -- ui` and the browser's tests drive: a view, and the two ways to a tree. Times are of `performance.now()`. */
import { decodeFlame, FlameFormatError } from "../../../api/flame-decoding.ts";
import { exportGraph, openFile } from "../../../files/index.ts";
import { type FlameEngine, engineOf, FlameView } from "../../index.ts";

const view = new FlameView(document.querySelector("canvas")!, { reducedMotion: true });
let engine: FlameEngine | undefined;
const draws: number[] = [];
let complete = false;
view.on("draw", (drawn) => {
  draws.push(drawn.drawMs);
  complete = drawn.complete;
});

/** From observer.ts, which runs ahead of this page. */
const { painted } = (globalThis as unknown as { observer: { painted: () => Promise<number> } }).observer;

/** When a frame is out that lacks nothing. */
async function shown(): Promise<number> {
  for (complete = false; ;) {
    const now = await painted();
    if (complete) return now;
  }
}

const bench = {
  view,
  draws,
  openFile,
  exportGraph,
  engineOf,
  /** Milliseconds from the data's arrival to the frame that shows it. */
  async openServed(url: string): Promise<number> {
    const buffer = await (await fetch(url)).arrayBuffer();
    const start = performance.now();
    const decoded = decodeFlame(buffer);
    if (decoded instanceof FlameFormatError) throw decoded;
    engine = engineOf(decoded.tree);
    view.setTree(engine.tree);
    return (await shown()) - start;
  },
  async openDropped(url: string): Promise<number> {
    const blob = await (await fetch(url)).blob();
    const start = performance.now();
    engine?.close();
    const opened = await openFile(blob);
    engine = opened;
    view.setTree(opened.tree);
    return (await shown()) - start;
  },
  /** Opens a file, and then again until half of it is read: how often it told where it was, and how soon it ended. */
  async openAndCancel(url: string) {
    const blob = await (await fetch(url)).blob();
    let reports = 0;
    let longestSilenceMs = 0;
    let last = performance.now();
    const opened = await openFile(blob, {
      onProgress: () => {
        reports++;
        longestSilenceMs = Math.max(longestSilenceMs, performance.now() - last);
        last = performance.now();
      },
    });
    opened.close();
    const abort = new AbortController();
    let abortedAt = 0;
    await openFile(blob, {
      signal: abort.signal,
      onProgress: ({ stage, done }) => {
        if (stage !== "reading" || done < 0.5 || abortedAt > 0) return;
        abortedAt = performance.now();
        abort.abort();
      },
    }).catch(() => {});
    const rejectedMs = performance.now() - abortedAt;
    return { reports, longestSilenceMs, rejectedMs, paintedMs: (await painted()) - abortedAt };
  },
  async search(text: string): Promise<number> {
    const start = performance.now();
    const matches = await engine!.search({ text, regex: false });
    if (!("problem" in matches)) view.setMatches(matches);
    return (await shown()) - start;
  },
};

export type Bench = typeof bench;
Object.assign(globalThis, { bench });
