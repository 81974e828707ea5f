import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasNoBrowser, PageBench } from "./page-under-test.ts";

/**
 * What canvases show, against pictures that somebody has looked at. After a change that is wanted:
 * `PODFLAME_PICTURES=update npx vitest run test/web/pictures`, and look at them again.
 */
const LOOKED_AT = join(import.meta.dirname, "testdata/pictures");
const SEEN = join(import.meta.dirname, "../../.cache/screenshots");
const isUpdate = process.env["PODFLAME_PICTURES"] === "update";

/** Width of a text in the font that the pictures were taken with, Debian's DejaVu Sans Mono. */
const FONT = { css: "12px monospace", text: "main.fib 0123 WWiill", width: 144.49 };

/** A pixel is another one if a channel differs by more; edges of letters differ by a little between browsers. */
const CHANNEL = 40;
/** Share of pixels that may be others. */
const TOLERANCE = 0.005;

/** Small, so that the pictures are. */
const SIZE = { width: 560, height: 640 };

const CHECKOUT = encodeURIComponent('{namespace="checkout"}');
const PICTURES: readonly (readonly [name: string, search: string, canvas: string])[] = [
  ["graph", "", ".flame canvas"],
  ["search", "?search=fib", ".flame canvas"],
  ["comparison", `?view=diff&query=${CHECKOUT}&other_query=${CHECKOUT}`, ".flame canvas"],
  ["heat-map", "?view=heatmap&from=now-5m", ".heatmap .plot > canvas"],
];

describe.skipIf(hasNoBrowser)("what the page draws", () => {
  let bench: PageBench;
  const pages = new Map<string, Page>();
  /** Compares: the page itself may not load pictures that are no files of it. */
  let blank: Page;
  let hasFont = false;
  beforeAll(async () => {
    bench = await PageBench.start();
    blank = await bench.blank();
    pages.set("light", await bench.blank(SIZE));
    pages.set("dark", await bench.blank({ ...SIZE, dark: true }));
    const width = await textWidth(blank);
    hasFont = Math.abs(width - FONT.width) < 0.5;
    if (hasFont) return;
    const what = `the font that pictures were taken with: ${FONT.text} is ${width} px wide, not ${FONT.width}`;
    if (process.env["PODFLAME_REQUIRE"] === "all") throw new Error(`missing: ${what}`);
    process.stderr.write(`SKIPPED: tests that need ${what}\n`);
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    expect(bench?.complaints ?? []).toEqual([]);
  });

  describe.each(["light", "dark"])("%s", (theme) => {
    test.for(PICTURES)("%s is as it was when it was looked at", async ([name, search, canvas], { skip }) => {
      skip(!hasFont);
      const page = pages.get(theme)!;
      await bench.goto(page, search);
      const drawn = page.locator(canvas);
      await drawn.waitFor();
      const file = `${name}-${theme}.png`;
      const path = join(LOOKED_AT, file);
      if (isUpdate) {
        mkdirSync(LOOKED_AT, { recursive: true });
        writeFileSync(path, await settled(() => drawn.screenshot()));
        return;
      }
      const expected = readFileSync(path);
      let last: Buffer = expected;
      // What is drawn comes in turns: labels after boxes, marks after labels.
      await expect
        .poll(async () => {
          last = await drawn.screenshot();
          return differing(expected, last, blank);
        })
        .toBeLessThanOrEqual(TOLERANCE)
        .finally(() => {
          mkdirSync(SEEN, { recursive: true });
          writeFileSync(join(SEEN, `picture-${file}`), last);
        });
    });
  });
});

/** A picture that the next one equals. */
async function settled(take: () => Promise<Buffer>): Promise<Buffer> {
  for (let last = await take(); ;) {
    const next = await take();
    if (next.equals(last)) return next;
    last = next;
  }
}

function textWidth(page: Page): Promise<number> {
  return page.evaluate<number>(`(() => {
    const context = document.createElement("canvas").getContext("2d");
    context.font = ${JSON.stringify(FONT.css)};
    return context.measureText(${JSON.stringify(FONT.text)}).width;
  })()`);
}

/** Share of pixels that differ between two pictures; 1 where their sizes do. */
async function differing(expected: Buffer, seen: Buffer, blank: Page): Promise<number> {
  const urls = [expected, seen].map((png) => `data:image/png;base64,${png.toString("base64")}`);
  return blank.evaluate<number>(`(async () => {
    const [first, second] = await Promise.all(${JSON.stringify(urls)}.map(async (url) => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, image.width, image.height);
    }));
    if (first.width !== second.width || first.height !== second.height) return 1;
    let others = 0;
    for (let at = 0; at < first.data.length; at += 4) {
      const isOther = [0, 1, 2].some((channel) =>
        Math.abs(first.data[at + channel] - second.data[at + channel]) > ${CHANNEL});
      if (isOther) others++;
    }
    return others / (first.width * first.height);
  })()`);
}
