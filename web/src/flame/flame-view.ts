import { accessibleNode, type AccessibleNode, accessibleNodes } from "./accessible-nodes.ts";
import { Emitter } from "./events.ts";
import { type ColourMode, FrameColours } from "./frame-colours.ts";
import type { FlameTree } from "./flame-tree.ts";
import { Gestures } from "./gestures.ts";
import { LabelCache } from "./label-cache.ts";
import type { Matches } from "./matches.ts";
import { move, movementOf } from "./navigation.ts";
import { Painter } from "./painter.ts";
import { hatchPattern } from "./hatch-pattern.ts";
import { type Palette, paletteOf, type Theme } from "./palette.ts";
import { flameSvg } from "./svg.ts";
import { levelAt, type Orientation, topOfLevel, type Viewport } from "./viewport.ts";
import { VisibleBoxes } from "./visible-boxes.ts";
import { between, type Window, windowOf, ZOOM_DURATION } from "./zoom-animation.ts";

export interface FlameViewOptions {
  /** Default `icicle`. */
  readonly orientation?: Orientation;
  /** Default `kind`; `diff` is what a tree of two selections gets. */
  readonly colours?: ColourMode;
  /** Default `light`. */
  readonly theme?: Theme;
  /** No animation. Default false: ask `prefers-reduced-motion`. */
  readonly reducedMotion?: boolean;
  /** A monospace family. */
  readonly fontFamily?: string;
  /** CSS pixels; default 20. */
  readonly rowHeight?: number;
}

/** What is under a place of the canvas. */
export type FlameHit =
  | { readonly kind: "node"; readonly node: number }
  /** Neighbours that are too narrow to be drawn: nodes `first … last` of one level. */
  | {
      readonly kind: "run";
      readonly first: number;
      readonly last: number;
      readonly count: number;
      /** Of the first selection. */
      readonly total: number;
      readonly other: number;
      /** Of the whole tree. 0…1. */
      readonly share: number;
    };

export interface FlameViewEvents {
  /** What the pointer is over, and where (CSS pixels of the canvas). */
  hover: { readonly hit: FlameHit | undefined; readonly x: number; readonly y: number };
  /** The selected node, -1 for none. By pointer, key or call. */
  select: { readonly node: number };
  /** The node that fills the width, 0 when zoomed out. */
  zoom: { readonly node: number };
  /** The viewport came to rest, or the tree or its look changed: `visibleNodes` may answer anew. */
  settle: { readonly viewport: Viewport };
  /** A frame was drawn, in so many milliseconds; where it is not complete, labels are to come with the next one. */
  draw: { readonly drawMs: number; readonly boxes: number; readonly complete: boolean };
  /** The context menu was asked for. */
  menu: { readonly hit: FlameHit | undefined; readonly x: number; readonly y: number };
}

/** A zoomed view shows at least so much of the whole: positions are doubles, and finer steps make no sense. */
const MIN_SPAN_SHARE = 1e-9;
/** Rows that stay above a zoomed node when the view has to scroll to it. */
const ROWS_ABOVE = 2;
/** CSS pixels: what keyboard focus moves to is made at least so wide. */
const REVEALED_WIDTH = 40;
/** Milliseconds after which no more labels are drawn in a frame that shows another place: moving goes first. */
const DRAW_BUDGET = 8;
const FONT_FAMILY = 'ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", Consolas, monospace';

/**
 * A flame graph on a canvas: draws what is visible, moves by pointer, wheel, touch and key, and tells what happens by
 * events. Everything around it (tooltip, breadcrumb, table, the DOM of the ARIA tree) is the page's.
 *
 *     const view = new FlameView(canvas, { theme: "dark" });
 *     view.on("hover", ({ hit, x, y }) => …);
 *     view.setTree(decodeFlame(bytes));
 *
 * A click zooms to a node and selects it; on a run it zooms to the run. Drag and shift-wheel pan, the wheel scrolls,
 * ctrl-wheel and pinch zoom. The canvas' CSS size decides the size; it is followed.
 */
export class FlameView {
  readonly canvas: HTMLCanvasElement;
  readonly #events = new Emitter<FlameViewEvents>();
  readonly #context: CanvasRenderingContext2D;
  readonly #painter = new Painter();
  readonly #boxes = new VisibleBoxes();
  readonly #gestures: Gestures;
  readonly #observer: ResizeObserver;
  readonly #fontFamily: string;
  #tree: FlameTree | undefined;
  #colours: FrameColours | undefined;
  #labels: LabelCache | undefined;
  #colourMode: ColourMode;
  #theme: Theme;
  #palette: Palette;
  #reducedMotion: boolean;
  #viewport: Viewport;
  #boxesFresh = false;
  #zoomed = 0;
  #above: ReadonlySet<number> = new Set();
  #selected = -1;
  #hovered = -1;
  #highlighted = -1;
  #matches: Matches | undefined;
  #request = 0;
  /** Whether something changed since the last frame, and whether that is what part of the tree is shown. */
  #changed = false;
  #moved = false;
  /** Whether the last frame lacks labels. */
  #incomplete = false;
  #animation: { readonly from: Window; readonly to: Window; readonly start: number } | undefined;

  constructor(canvas: HTMLCanvasElement, options: FlameViewOptions = {}) {
    const context = canvas.getContext("2d", { alpha: false });
    if (!context) throw new Error("this browser cannot draw on a canvas: its 2D context is missing");
    this.canvas = canvas;
    this.#context = context;
    this.#colourMode = options.colours ?? "kind";
    this.#theme = options.theme ?? "light";
    this.#palette = paletteOf(this.#theme);
    this.#reducedMotion = options.reducedMotion ?? false;
    this.#fontFamily = options.fontFamily ?? FONT_FAMILY;
    this.#viewport = {
      width: canvas.clientWidth || 1,
      height: canvas.clientHeight || 1,
      ratio: pixelRatio(),
      left: 0,
      span: 1,
      scroll: 0,
      rowHeight: options.rowHeight ?? 20,
      orientation: options.orientation ?? "icicle",
    };
    this.#gestures = new Gestures(canvas, {
      hover: (x, y) => this.#hover(x, y),
      leave: () => this.#leave(),
      press: (x, y) => this.#press(x, y),
      menu: (x, y) => this.#events.emit("menu", { hit: this.hit(x, y), x, y }),
      pan: (x, y) => this.panBy(x, y),
      zoom: (x, factor) => this.zoomAt(x, factor),
    });
    this.#observer = new ResizeObserver(() => this.resize());
    this.#observer.observe(canvas);
    this.resize();
    this.#painter.prepare(context, this.#fontFamily, this.#viewport.ratio);
  }

  get tree(): FlameTree | undefined {
    return this.#tree;
  }

  get viewport(): Viewport {
    return this.#viewport;
  }

  get palette(): Palette {
    return this.#palette;
  }

  get orientation(): Orientation {
    return this.#viewport.orientation;
  }

  /** The node that fills the width; 0 is the root. */
  get zoomed(): number {
    return this.#zoomed;
  }

  /** -1: none. */
  get selected(): number {
    return this.#selected;
  }

  get matches(): Matches | undefined {
    return this.#matches;
  }

  /** Whether the view is on its way to where it was sent. */
  get moving(): boolean {
    return this.#animation !== undefined;
  }

  on<Name extends keyof FlameViewEvents>(name: Name, listener: (detail: FlameViewEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Shows another tree. With `keep` what was zoomed to and selected is looked for by path, as when the same question is
   * asked again (live data, another diff scale). Matches belong to a tree and go.
   */
  setTree(tree: FlameTree, options: { readonly keep?: boolean } = {}): void {
    const before = this.#tree;
    const keep = options.keep === true && before !== undefined;
    const zoomed = keep ? tree.find(before.path(this.#zoomed)) : 0;
    const selected = keep && this.#selected >= 0 ? tree.find(before.path(this.#selected)) : -1;
    this.#tree = tree;
    this.#colours = new FrameColours(tree, this.#effectiveColours(tree));
    this.#labels = new LabelCache(tree.frames);
    this.#matches = undefined;
    this.#hovered = -1;
    this.#highlighted = -1;
    this.#selected = selected > 0 || this.#selected === 0 ? selected : -1;
    this.#setZoomed(zoomed);
    this.#animation = undefined;
    this.#moveTo(keep ? { ...this.#windowFor(zoomed), scroll: this.#viewport.scroll } : this.#windowFor(0));
    this.#settle();
  }

  setOrientation(orientation: Orientation): void {
    this.#look({ ...this.#viewport, orientation });
  }

  setColours(mode: ColourMode): void {
    this.#colourMode = mode;
    if (this.#tree) this.#colours = new FrameColours(this.#tree, this.#effectiveColours(this.#tree));
    this.draw();
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    this.#palette = paletteOf(theme);
    this.draw();
  }

  setReducedMotion(reduced: boolean): void {
    this.#reducedMotion = reduced;
  }

  /** Marks what a search found, and dims the rest; undefined ends that. */
  setMatches(matches: Matches | undefined): void {
    this.#matches = matches;
    this.draw();
  }

  /** Marks a function wherever it is drawn (the table's row under the pointer); -1 none. */
  highlight(frame: number): void {
    if (frame === this.#highlighted) return;
    this.#highlighted = frame;
    this.draw();
  }

  /** Selects a node, -1 none. `reveal`: brings it into view. */
  select(node: number, options: { readonly reveal?: boolean } = {}): void {
    if (options.reveal === true && node >= 0) this.reveal(node);
    if (node === this.#selected) return;
    this.#selected = node;
    this.draw();
    this.#events.emit("select", { node });
  }

  /** Makes a node as wide as the canvas. */
  zoom(node: number): void {
    if (!this.#tree || node < 0 || node >= this.#tree.length) return;
    const changed = node !== this.#zoomed;
    this.#setZoomed(node);
    this.#animateTo(this.#windowFor(node));
    if (changed) this.#events.emit("zoom", { node });
  }

  /** Zooms out by one step: to the parent of the zoomed node that is wider than it. */
  zoomOut(): void {
    const tree = this.#tree;
    if (!tree) return;
    let node = this.#zoomed;
    while (node > 0) {
      const parent = tree.parent(node);
      const wider = tree.weight[parent]! > tree.weight[node]! * 1.0001;
      node = parent;
      if (wider) break;
    }
    this.zoom(node);
  }

  /** Shows everything. */
  reset(): void {
    this.zoom(0);
  }

  /** Zooms at a place (CSS pixels): a factor of 2 shows half as much. Not animated: gestures come in small steps. */
  zoomAt(x: number, factor: number): void {
    const tree = this.#tree;
    if (!tree) return;
    const { left, span, width } = this.#viewport;
    const whole = wholeOf(tree);
    const next = Math.min(whole, Math.max(span / factor, whole * MIN_SPAN_SHARE));
    const fixed = left + (span * x) / width;
    this.#animation = undefined;
    this.#moveTo({ left: fixed - (next * x) / width, span: next, scroll: this.#viewport.scroll });
    this.#settleSoon();
  }

  /** Moves the picture by CSS pixels. */
  panBy(x: number, y: number): void {
    const { left, span, width, scroll, orientation } = this.#viewport;
    this.#animation = undefined;
    this.#moveTo({ left: left - (x * span) / width, span, scroll: scroll - (orientation === "icicle" ? y : -y) });
    this.#settleSoon();
  }

  /** Scrolls, and where it is too narrow zooms to what is around it, so that a node is drawn as a box. */
  reveal(node: number): void {
    const tree = this.#tree;
    if (!tree) return;
    const { left, span, width } = this.#target();
    const shown =
      tree.x[node]! < left + span * 0.999 &&
      tree.x[node]! + tree.weight[node]! > left + span * 0.001 &&
      (tree.weight[node]! / span) * width >= MIN_REVEALED;
    if (shown) return this.#animateTo({ left, span, scroll: this.#scrollFor(node) });
    // The nearest caller that leaves it wide enough.
    let around = node;
    for (let at = tree.parent(node); at >= 0; at = tree.parent(at)) {
      if ((tree.weight[node]! / tree.weight[at]!) * width < REVEALED_WIDTH) break;
      around = at;
    }
    this.#setZoomed(around);
    this.#animateTo({ ...this.#windowFor(around), scroll: this.#scrollFor(node) });
    this.#events.emit("zoom", { node: around });
  }

  /**
   * Handles the keys that belong to the graph: arrows and Home move the selection, Enter zooms to it, Backspace zooms
   * out, Escape shows everything. False where a key is none of these.
   */
  key(key: string): boolean {
    const tree = this.#tree;
    if (!tree) return false;
    const movement = movementOf(key, this.#viewport.orientation);
    if (movement) {
      this.select(this.#selected < 0 ? this.#zoomed : move(tree, this.#selected, movement), { reveal: true });
      return true;
    }
    if (key === "Enter" && this.#selected >= 0) this.zoom(this.#selected);
    else if (key === "Backspace") this.zoomOut();
    else if (key === "Escape") this.reset();
    else return false;
    return true;
  }

  /** Selects the next match (1) or the one before (-1), breadth first, around the end. False where there is none. */
  nextMatch(direction: 1 | -1): boolean {
    const nodes = this.#matches?.nodes;
    if (!nodes || nodes.length === 0) return false;
    let low = 0;
    let high = nodes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (nodes[middle]! < this.#selected + (direction > 0 ? 1 : 0)) low = middle + 1;
      else high = middle;
    }
    const at = direction > 0 ? low : low - 1;
    this.select(nodes[(at + nodes.length) % nodes.length]!, { reveal: true });
    return true;
  }

  /** What is at a place of the canvas (CSS pixels). */
  hit(x: number, y: number): FlameHit | undefined {
    const tree = this.#tree;
    if (!tree) return undefined;
    const boxes = this.#freshBoxes(tree);
    const box = boxes.at(levelAt(this.#viewport, y), Math.floor(x * this.#viewport.ratio));
    if (box < 0) return undefined;
    const first = boxes.node[box]!;
    if (boxes.run[box] === 0) return { kind: "node", node: first };
    const last = boxes.last[box]!;
    let total = 0;
    let other = 0;
    let weight = 0;
    for (let node = first; node <= last; node++) {
      total += tree.total[node]!;
      if (tree.other) other += tree.other[node]!;
      weight += tree.weight[node]!;
    }
    return { kind: "run", first, last, count: last - first + 1, total, other, share: weight / wholeOf(tree) };
  }

  /** Where a node is on the canvas, in CSS pixels, cut off at its edges; undefined where it isn't visible. */
  boundsOf(
    node: number,
  ): { readonly x: number; readonly y: number; readonly width: number; readonly height: number } | undefined {
    const tree = this.#tree;
    if (!tree || node < 0 || node >= tree.length) return undefined;
    const { left, span, width, height, rowHeight } = this.#viewport;
    const start = Math.max(0, ((tree.x[node]! - left) / span) * width);
    const end = Math.min(width, ((tree.x[node]! + tree.weight[node]! - left) / span) * width);
    const y = topOfLevel(this.#viewport, tree.depthOf(node));
    if (end <= start || y + rowHeight <= 0 || y >= height) return undefined;
    return { x: start, y, width: end - start, height: rowHeight };
  }

  /** The items of the ARIA tree: see `accessibleNodes`. Ask on `settle`, not on `draw`. */
  visibleNodes(limit?: number): AccessibleNode[] {
    return this.#tree ? accessibleNodes(this.#tree, this.#freshBoxes(this.#tree), limit) : [];
  }

  /** One node as an item, visible or not: what focus moves to. */
  item(node: number): AccessibleNode | undefined {
    return this.#tree && node >= 0 && node < this.#tree.length ? accessibleNode(this.#tree, node) : undefined;
  }

  /** The picture as it is, as PNG. */
  exportPng(): Promise<Blob> {
    this.#drawNow(Infinity);
    return new Promise((resolve, reject) => {
      this.canvas.toBlob((blob) => {
        if (blob) resolve(blob);
        else reject(new Error("the browser could not encode the picture: make the window smaller and try again"));
      }, "image/png");
    });
  }

  /** All levels of what is zoomed to, as an SVG document with names and values as tooltips. */
  exportSvg(title?: string): string {
    const tree = this.#tree;
    if (!tree) return "";
    return flameSvg({
      tree,
      zoomed: this.#zoomed,
      palette: this.#palette,
      colours: this.#colours!,
      labels: this.#labels!,
      matches: this.#matches,
      orientation: this.#viewport.orientation,
      width: this.#viewport.width,
      rowHeight: this.#viewport.rowHeight,
      title: title ?? tree.measure.type,
    });
  }

  /** Takes the size of the canvas over. Called by itself when it changes. */
  resize(): void {
    const width = this.canvas.clientWidth || 1;
    const height = this.canvas.clientHeight || 1;
    const ratio = pixelRatio();
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.#look({ ...this.#viewport, width, height, ratio });
    // A canvas that was resized is empty: waiting for the next frame would show that.
    this.#drawNow();
  }

  /** Draws with the next frame. */
  draw(): void {
    this.#changed = true;
    this.#requestFrame();
  }

  #requestFrame(): void {
    if (this.#request === 0) this.#request = requestAnimationFrame((now) => this.#frame(now));
  }

  destroy(): void {
    cancelAnimationFrame(this.#request);
    clearTimeout(this.#settling);
    this.#observer.disconnect();
    this.#gestures.destroy();
    this.#events.clear();
    this.#tree = undefined;
  }

  #settling: ReturnType<typeof setTimeout> | undefined;

  #effectiveColours(tree: FlameTree): ColourMode {
    return tree.other ? (this.#colourMode === "kind" ? "diff" : this.#colourMode) : this.#colourMode;
  }

  #setZoomed(node: number): void {
    this.#zoomed = node;
    this.#above = new Set(this.#tree?.ancestry(node).slice(0, -1));
  }

  #windowFor(node: number): Window {
    const tree = this.#tree!;
    const whole = wholeOf(tree);
    const span = Math.max(tree.weight[node]!, whole * MIN_SPAN_SHARE);
    return { left: tree.x[node]!, span, scroll: node === 0 ? 0 : this.#scrollFor(node) };
  }

  /** How to scroll so that a level is in view, as little as possible. */
  #scrollFor(node: number): number {
    const { rowHeight, height } = this.#viewport;
    const { scroll } = this.#target();
    const top = this.#tree!.depthOf(node) * rowHeight;
    const above = Math.max(0, top - ROWS_ABOVE * rowHeight);
    if (scroll > above) return above;
    return top + rowHeight * (ROWS_ABOVE + 1) > scroll + height
      ? Math.min(above, top + rowHeight * (ROWS_ABOVE + 1) - height)
      : scroll;
  }

  /** Where the view is, or is on its way to. */
  #target(): Viewport {
    return this.#animation ? { ...this.#viewport, ...this.#animation.to } : this.#viewport;
  }

  #animateTo(to: Window): void {
    const bounded = this.#bounded(to);
    if (this.#reducedMotion) {
      this.#animation = undefined;
      this.#moveTo(bounded);
      return this.#settleSoon();
    }
    this.#animation = { from: windowOf(this.#viewport), to: bounded, start: performance.now() };
    this.draw();
  }

  #moveTo(window: Window): void {
    this.#look({ ...this.#viewport, ...this.#bounded(window) });
  }

  #bounded({ left, span, scroll }: Window): Window {
    const { height, rowHeight } = this.#viewport;
    const whole = this.#tree ? wholeOf(this.#tree) : 1;
    const deepest = Math.max(0, (this.#tree?.depth ?? 0) * rowHeight - height);
    return {
      left: Math.max(0, Math.min(left, whole - span)),
      span,
      scroll: Math.max(0, Math.min(scroll, deepest)),
    };
  }

  #look(viewport: Viewport): void {
    this.#viewport = viewport;
    this.#boxesFresh = false;
    this.#moved = true;
    this.draw();
  }

  #freshBoxes(tree: FlameTree): VisibleBoxes {
    if (!this.#boxesFresh) this.#boxes.collect(tree, this.#viewport);
    this.#boxesFresh = true;
    return this.#boxes;
  }

  #frame(now: number): void {
    this.#request = 0;
    const animation = this.#animation;
    if (animation) {
      const progress = Math.max(0, (now - animation.start) / ZOOM_DURATION);
      this.#look({ ...this.#viewport, ...between(animation.from, animation.to, progress) });
      if (progress >= 1) {
        this.#animation = undefined;
        cancelAnimationFrame(this.#request);
        this.#request = 0;
        this.#settleSoon();
      }
    }
    if (this.#changed || !this.#incomplete) this.#drawNow();
    else this.#drawMore();
  }

  /** @param budgetMs what is not done by then is left to the next frame */
  #drawNow(budgetMs = this.#moved ? DRAW_BUDGET : Infinity): void {
    this.#changed = false;
    this.#moved = false;
    const tree = this.#tree;
    if (!tree) {
      this.#context.fillStyle = this.#palette.background;
      this.#context.fillRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    const start = performance.now();
    const scene = {
      tree,
      viewport: this.#viewport,
      boxes: this.#freshBoxes(tree),
      palette: this.#palette,
      colours: this.#colours!,
      labels: this.#labels!,
      above: this.#above,
      matches: this.#matches,
      hovered: this.#hovered,
      selected: this.#selected,
      highlighted: this.#highlighted,
      fontFamily: this.#fontFamily,
      hatch: (colour: string) => hatchPattern(this.#context, colour, this.#viewport.ratio),
    };
    this.#drawn(start, this.#painter.paint(this.#context, scene, start + budgetMs));
  }

  /** The labels that the last frame lacks. */
  #drawMore(): void {
    const start = performance.now();
    this.#drawn(start, this.#painter.paintMore(this.#context, start + DRAW_BUDGET));
  }

  #drawn(start: number, complete: boolean): void {
    this.#incomplete = !complete;
    if (!complete) this.#requestFrame();
    this.#events.emit("draw", { drawMs: performance.now() - start, boxes: this.#boxes.length, complete });
  }

  #hover(x: number, y: number): void {
    const hit = this.hit(x, y);
    const node = hit?.kind === "node" ? hit.node : -1;
    if (node !== this.#hovered) {
      this.#hovered = node;
      this.draw();
    }
    this.canvas.style.cursor = hit ? "pointer" : "default";
    this.#events.emit("hover", { hit, x, y });
  }

  #leave(): void {
    if (this.#hovered >= 0) this.draw();
    this.#hovered = -1;
    this.#events.emit("hover", { hit: undefined, x: 0, y: 0 });
  }

  #press(x: number, y: number): void {
    const tree = this.#tree;
    const hit = this.hit(x, y);
    if (!tree || !hit) return;
    if (hit.kind === "node") {
      this.zoom(hit.node);
      return this.select(hit.node);
    }
    const left = tree.x[hit.first]!;
    const span = tree.x[hit.last]! + tree.weight[hit.last]! - left;
    this.#animateTo({ left, span: Math.max(span, wholeOf(tree) * MIN_SPAN_SHARE), scroll: this.#viewport.scroll });
  }

  /** Gestures come in bursts: settles when nothing has moved for a moment. */
  #settleSoon(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#settle(), 80);
  }

  #settle(): void {
    clearTimeout(this.#settling);
    this.#events.emit("settle", { viewport: this.#viewport });
  }
}

/** CSS pixels below which a node counts as hidden. */
const MIN_REVEALED = 3;

function wholeOf(tree: FlameTree): number {
  return tree.weight[0]! > 0 ? tree.weight[0]! : 1;
}

function pixelRatio(): number {
  return Math.min(3, Math.max(1, globalThis.devicePixelRatio || 1));
}
