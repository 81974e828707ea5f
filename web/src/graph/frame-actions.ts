/** What can be done with a frame, from wherever it's shown. */
import type { FlameTree } from "../flame/index.ts";
import { copyText } from "../share/clipboard.ts";
import { navigate, page } from "../state/page.ts";
import { announce } from "../ui/announcement.tsx";
import { stackText } from "./stack-text.ts";

export interface FrameActions {
  /** Shows callers and callees of a function. */
  readonly sandwich: (name: string) => void;
  /** Shows only stacks through a function. */
  readonly focus: (name: string) => void;
  /** Takes a function out of all stacks. */
  readonly hide: (name: string) => void;
  /** Marks a function wherever it is. */
  readonly find: (name: string) => void;
  readonly copyStack: (node: number) => void;
}

/** @param tree gives the tree that is shown when something is done */
export function frameActions(tree: () => FlameTree | undefined): FrameActions {
  return {
    sandwich: (name) => navigate({ show: "sandwich", function: name }),
    focus: (name) => navigate({ focus: name, zoom: "" }),
    hide: (name) => {
      const { hidden } = page.peek();
      if (!hidden.includes(name)) navigate({ hidden: [...hidden, name], zoom: "" });
    },
    find: (name) => navigate({ search: name, regex: false }),
    copyStack: (node) => {
      const shown = tree();
      if (!shown || node < 0) return announce("Select a frame first.");
      void copyText(stackText(shown, node)).then((copied) =>
        announce(copied ? "Stack copied." : "The browser refuses to copy: select the text by hand."),
      );
    },
  };
}
