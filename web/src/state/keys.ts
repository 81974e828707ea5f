/**
 * Keys: one table for what listens and for what the help says. A view adds its own while it's there; the newest wins.
 */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Key {
  /** As in `KeyboardEvent.key`. */
  readonly key: string;
  /** How it's written in the help, where that differs. */
  readonly shown?: string;
  readonly does: string;
  readonly run: () => void;
}

export interface KeyGroup {
  readonly title: string;
  readonly keys: readonly Key[];
}

const groups = signal<readonly KeyGroup[]>([]);

/** All keys that work now, the page's own first. */
export const keyGroups: { readonly value: readonly KeyGroup[] } = groups;

/** @param group must be the same object while nothing of it changes */
export function useKeys(group: KeyGroup): void {
  useEffect(() => {
    groups.value = [...groups.peek(), group];
    return () => {
      groups.value = groups.peek().filter((other) => other !== group);
    };
  }, [group]);
}

/** Handles what no field or dialog has use for. */
export function onGlobalKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as Element | null;
  if (target?.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog")) return;
  // Enter is what presses a button or follows a link.
  if (event.key === "Enter" && target?.closest("button, a")) return;
  for (const { keys } of groups.peek().toReversed()) {
    const found = keys.find(({ key }) => key === event.key);
    if (!found) continue;
    event.preventDefault();
    found.run();
    return;
  }
}
