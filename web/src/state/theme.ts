/** Dark or light: as the system says until somebody chooses. The choice is this browser's, so it is not in the address. */
import { effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const KEY = "podflame-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function stored(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : undefined;
  } catch {
    // Storage is refused to pages in some frames and modes; the choice then lasts as long as the page.
    return undefined;
  }
}

const chosen = signal(stored());
const systemTheme = signal<Theme>(system.matches ? "dark" : "light");
system.addEventListener("change", () => (systemTheme.value = system.matches ? "dark" : "light"));

/** What is in force. */
export const theme = signal<Theme>("light");

effect(() => {
  theme.value = chosen.value ?? systemTheme.value;
  if (chosen.value === undefined) document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset["theme"] = chosen.value;
});

/** The other one. Going back to what the system says lets it decide again. */
export function switchTheme(): void {
  const next: Theme = theme.peek() === "dark" ? "light" : "dark";
  chosen.value = next === systemTheme.peek() ? undefined : next;
  try {
    if (chosen.peek() === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // As above.
  }
}
