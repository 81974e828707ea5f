/** What pointer, wheel and touch ask for. Places and distances in CSS pixels of the canvas. */
export interface GestureHandlers {
  hover(x: number, y: number): void;
  leave(): void;
  press(x: number, y: number): void;
  menu(x: number, y: number): void;
  pan(x: number, y: number): void;
  /** @param factor above 1 zooms in */
  zoom(x: number, factor: number): void;
}

/** Pixels that a pointer may move and still press. */
const PRESS_SLOP = 4;
/** Wheel lines and pages in pixels (`WheelEvent.deltaMode`). */
const WHEEL_UNITS = [1, 16, 400];
/** Zoom of a wheel's pixel. */
const WHEEL_ZOOM = 1.0025;

/** Turns the events of an element into gestures: drag pans, two fingers pinch, the wheel scrolls, with ctrl it zooms. */
export class Gestures {
  readonly #element: HTMLElement;
  readonly #handlers: GestureHandlers;
  readonly #abort = new AbortController();
  /** Pointers that are down, by id. */
  readonly #pointers = new Map<number, { x: number; y: number }>();
  #moved = false;
  #from = { x: 0, y: 0 };

  constructor(element: HTMLElement, handlers: GestureHandlers) {
    this.#element = element;
    this.#handlers = handlers;
    const { signal } = this.#abort;
    element.style.touchAction = "none";
    element.addEventListener("pointerdown", (event) => this.#down(event), { signal });
    element.addEventListener("pointermove", (event) => this.#move(event), { signal });
    element.addEventListener("pointerup", (event) => this.#up(event, true), { signal });
    element.addEventListener("pointercancel", (event) => this.#up(event, false), { signal });
    element.addEventListener("pointerleave", () => handlers.leave(), { signal });
    element.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    element.addEventListener("contextmenu", (event) => this.#menu(event), { signal });
  }

  destroy(): void {
    this.#abort.abort();
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.#from = { x: event.offsetX, y: event.offsetY };
    this.#moved = this.#pointers.size > 1;
    this.#element.setPointerCapture(event.pointerId);
  }

  #move(event: PointerEvent): void {
    const known = this.#pointers.get(event.pointerId);
    const at = { x: event.offsetX, y: event.offsetY };
    if (!known) return this.#handlers.hover(at.x, at.y);
    if (!this.#moved && Math.hypot(at.x - this.#from.x, at.y - this.#from.y) < PRESS_SLOP) return;
    this.#moved = true;
    const others = [...this.#pointers].filter(([id]) => id !== event.pointerId);
    const second = others[0]?.[1];
    if (second) {
      const before = Math.max(10, Math.abs(known.x - second.x));
      const after = Math.max(10, Math.abs(at.x - second.x));
      this.#handlers.zoom((at.x + second.x) / 2, after / before);
      this.#handlers.pan((at.x - known.x) / 2, (at.y - known.y) / 2);
    } else this.#handlers.pan(at.x - known.x, at.y - known.y);
    this.#pointers.set(event.pointerId, at);
  }

  #up(event: PointerEvent, pressed: boolean): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (pressed && !this.#moved) this.#handlers.press(event.offsetX, event.offsetY);
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = WHEEL_UNITS[event.deltaMode] ?? 1;
    const [x, y] = [event.deltaX * unit, event.deltaY * unit];
    if (event.ctrlKey || event.metaKey || event.altKey) this.#handlers.zoom(event.offsetX, WHEEL_ZOOM ** -y);
    else if (event.shiftKey && x === 0) this.#handlers.pan(-y, 0);
    else this.#handlers.pan(-x, -y);
  }

  #menu(event: MouseEvent): void {
    event.preventDefault();
    this.#handlers.menu(event.offsetX, event.offsetY);
  }
}
