/**
 * Runs ahead of every page that `npm run bench -- ui` measures, ours or another one: counts long tasks, notes when data
 * was read, when WebGL first drew and when a flame graph was in an ARIA tree, and has the gestures that are measured.
 */
const seen = { longest: 0, lastTaskEnd: 0, dataAt: 0, drawnAt: 0, shownAt: 0 };

new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) {
    seen.longest = Math.max(seen.longest, duration);
    seen.lastTaskEnd = startTime + duration;
  }
}).observe({ entryTypes: ["longtask"] });

// The root alone says nothing: the graph is there when something is below it.
const shown = new MutationObserver(() => {
  if (!document.querySelector("[role=tree] [role=treeitem][aria-level='2']")) return;
  shown.disconnect();
  void painted().then((now) => {
    seen.shownAt = now;
  });
});
shown.observe(document, { childList: true, subtree: true });

for (const method of ["arrayBuffer", "text"] as const) {
  const original = Response.prototype[method] as (this: Response) => Promise<unknown>;
  Object.assign(Response.prototype, {
    async [method](this: Response) {
      const body = await original.call(this);
      seen.dataAt = performance.now();
      return body;
    },
  });
}

for (const method of ["drawArrays", "drawElements"] as const) {
  const original = WebGLRenderingContext.prototype[method] as (this: unknown, ...values: unknown[]) => void;
  Object.assign(WebGLRenderingContext.prototype, {
    [method](this: unknown, ...values: unknown[]) {
      original.apply(this, values);
      if (seen.drawnAt !== 0) return;
      seen.drawnAt = -1;
      void painted().then((now) => {
        seen.drawnAt = now;
      });
    },
  });
}

/** When the next frame is out: a message comes behind it. */
function painted(): Promise<number> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.addEventListener("message", () => resolve(performance.now()));
      port1.start();
      port2.postMessage(0);
    });
  });
}

/** Milliseconds between frames while the wheel zooms in, pans and zooms out over the largest canvas, an event a frame. */
async function wheel(events: number): Promise<number[]> {
  const area = ({ clientWidth, clientHeight }: HTMLCanvasElement): number => clientWidth * clientHeight;
  const canvas = [...document.querySelectorAll("canvas")].sort((a, b) => area(b) - area(a))[0]!;
  const bounds = canvas.getBoundingClientRect();
  const place = { clientX: bounds.left + bounds.width * 0.3, clientY: bounds.top + bounds.height * 0.4 };
  const phases = [
    { deltaY: -30, ctrlKey: true },
    { deltaX: 40, deltaY: 0 },
    { deltaY: 30, ctrlKey: true },
  ];
  const deltas: number[] = [];
  let last = await new Promise<number>(requestAnimationFrame);
  for (const phase of phases) {
    for (let at = 0; at < events; at++) {
      const element = document.elementFromPoint(place.clientX, place.clientY) ?? canvas;
      element.dispatchEvent(new WheelEvent("wheel", { ...place, ...phase, bubbles: true, cancelable: true }));
      const now = await new Promise<number>(requestAnimationFrame);
      deltas.push(now - last);
      last = now;
    }
  }
  return deltas;
}

/** Milliseconds from a keystroke in speedscope's search to the frame that shows it; undefined without a search field. */
async function typeSearch(text: string): Promise<number | undefined> {
  const input = document.querySelector<HTMLInputElement>("input:not([type=file])");
  if (!input) return undefined;
  const start = performance.now();
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  // The event asks for a frame, which asks for another one that draws.
  await painted();
  return (await painted()) - start;
}

/** When the graph was shown and the last long task had ended, once there was none for a while. */
async function atRest(quietMs: number): Promise<number> {
  for (;;) {
    const ready = Math.max(seen.shownAt, seen.lastTaskEnd);
    const left = ready + quietMs - performance.now();
    if (left <= 0) return ready;
    await new Promise((resolve) => setTimeout(resolve, left));
  }
}

Object.assign(globalThis, { observer: { seen, painted, wheel, typeSearch, atRest } });
