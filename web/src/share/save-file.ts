/** Saves what the page made as a file, as if it were a download. Nothing leaves the machine. */
export function saveFile(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The download has been handed over by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
