/** A short word on what just happened, seen for a moment and spoken by screen readers. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

const SHOWN_MS = 3000;
const current = signal({ text: "", count: 0 });

export function announce(text: string): void {
  current.value = { text, count: current.peek().count + 1 };
}

/** Where announcements appear; once in the page. */
export function Announcement(): JSX.Element {
  const { text, count } = current.value;
  useEffect(() => {
    if (text === "") return;
    const timer = setTimeout(() => (current.value = { text: "", count }), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [count]);
  return (
    <div class={text === "" ? "announcement" : "announcement shown"} role="status">
      {text}
    </div>
  );
}
