/**
 * The page's state as signals. `page` is what the address says; changes go through `navigate`, so that the address, the
 * back button and what is seen never differ.
 */
import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { resolveTime } from "../format/times.ts";
import { formatPageState, type PageState, parsePageState, type Selection, USUAL } from "./page-state.ts";

const current = signal(parsePageState(location.search));

export const page: ReadonlySignal<PageState> = current;

/**
 * Changes the state.
 * @param how `push` makes a step that the back button undoes; `replace` is for what changes with every keystroke
 */
export function navigate(change: Partial<PageState>, how: "push" | "replace" = "push"): void {
  const next = { ...current.peek(), ...change };
  const address = `${location.pathname}${formatPageState(next)}${location.hash}`;
  if (address === `${location.pathname}${location.search}${location.hash}`) return;
  try {
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  } catch {
    // Browsers refuse after some hundred changes in a few seconds; the page goes on, the address follows later.
  }
  current.value = next;
}

addEventListener("popstate", () => {
  current.value = parsePageState(location.search);
});

/** A part of the state that only tells when it itself changes. */
export function part<T>(of: (state: PageState) => T): ReadonlySignal<T> {
  return computed(() => of(current.value));
}

/** What is selected, without how it is shown. */
export const selection: ReadonlySignal<Selection> = part(({ query, from, to }) => ({ query, from, to }));

/** The end of the range moves with the clock. */
export const live: ReadonlySignal<boolean> = part(({ to }) => to === "now");

/** Counts up whenever live answers are to be asked for again. */
export const tick = signal(0);

/**
 * While the page is live and seen, asks for new answers again and again. Returns what stops it.
 * @param interval milliseconds
 */
export function startTicking(interval: ReadonlySignal<number>): () => void {
  const visible = signal(!document.hidden);
  const onChange = (): void => {
    batch(() => {
      visible.value = !document.hidden;
      if (!document.hidden && live.peek()) tick.value++;
    });
  };
  document.addEventListener("visibilitychange", onChange);
  const stop = effect(() => {
    if (!live.value || !visible.value) return;
    const timer = setInterval(() => tick.value++, interval.value);
    return () => clearInterval(timer);
  });
  return () => {
    document.removeEventListener("visibilitychange", onChange);
    stop();
  };
}

/** The page's address with times that don't move: what a link should say that is opened tomorrow. */
export function fixedAddress(now = Date.now()): string {
  const state = current.peek();
  const fix = (time: string): string => String(resolveTime(time, now) ?? now);
  const fixed = {
    ...state,
    from: fix(state.from),
    to: fix(state.to),
    // Where nothing is compared, that has no place in a link.
    other:
      state.view === "diff" ? { ...state.other, from: fix(state.other.from), to: fix(state.other.to) } : USUAL.other,
  };
  return `${location.origin}${location.pathname}${formatPageState(fixed)}`;
}

/** Freezes the range where it is now, or lets it move again with the same length. */
export function togglePaused(): void {
  const { from, to } = current.peek();
  const now = Date.now();
  if (to === "now") {
    navigate({ from: String(resolveTime(from, now) ?? now - 900_000), to: String(now) });
    return;
  }
  const length = (resolveTime(to, now) ?? now) - (resolveTime(from, now) ?? now - 900_000);
  navigate({ from: `now-${Math.max(10, Math.round(length / 1000))}s`, to: "now" });
}
