import type { KernelCheck, KernelProblem } from "./kernel-support.ts";

export function checkKernel(): readonly KernelCheck[] {
  return [];
}

export function problemsHere(): readonly KernelProblem[] {
  return checkKernel().flatMap(({ ok, what, detail, remedy }) =>
    ok ? [] : [{ what: `${what}: ${detail}`, remedy: remedy ?? "" }],
  );
}
