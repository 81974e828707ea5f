/**
 * Puts text on the clipboard. The clipboard API is missing on pages that came over plain HTTP from another machine, which
 * is what a NodePort gives; there the old command does it.
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    // Undefined on insecure origins, whatever the types say.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (clipboard) {
      await clipboard.writeText(text);
      return true;
    }
  } catch {
    // Refused, e.g. in a frame: the old way may still work.
  }
  return copyBySelection(text);
}

function copyBySelection(text: string): boolean {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "silent";
  area.setAttribute("aria-hidden", "true");
  // In a modal dialog, what is outside of it can't take focus.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } finally {
    area.remove();
    if (before instanceof HTMLElement) before.focus();
  }
}
