/** The kernel counts how long BPF programs run as long as somebody asks for it. */
import { closeSync } from "node:fs";
import { enableRunTimeStats } from "#linux";

/** Turns the statistics on until it is disposed of, or this process ends. */
export function countBpfTime(): Disposable {
  const fd = enableRunTimeStats();
  return { [Symbol.dispose]: () => closeSync(fd) };
}
