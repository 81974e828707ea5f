import { readFileSync } from "node:fs";
import type { Browser } from "playwright-core";

/** Bytes of the process that a page runs in. */
export interface RendererMemory {
  /** Proportional set size: shared pages are counted by how many share them. */
  readonly pssBytes: number;
  /** Resident set at its largest so far. */
  readonly peakBytes: number;
}

/** Memory of the largest renderer of a browser, which is the page's where there is one page. From Linux' /proc. */
export async function rendererMemory(browser: Browser): Promise<RendererMemory> {
  const session = await browser.newBrowserCDPSession();
  try {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const all = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => memoryOf(id));
    return all.reduce((most, one) => (one.pssBytes > most.pssBytes ? one : most), { pssBytes: 0, peakBytes: 0 });
  } finally {
    await session.detach();
  }
}

function memoryOf(process: number): RendererMemory {
  const kilobytes = (file: string, key: string): number => {
    const text = readFileSync(`/proc/${process}/${file}`, "utf8");
    return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
  };
  try {
    return { pssBytes: kilobytes("smaps_rollup", "Pss") * 1024, peakBytes: kilobytes("status", "VmHWM") * 1024 };
  } catch {
    // It ended in between.
    return { pssBytes: 0, peakBytes: 0 };
  }
}
