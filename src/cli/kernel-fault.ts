import type { KernelSupportError } from "#profiler";
import { ExitCode, Fault } from "./exit.ts";

/**
 * For the user, if this machine can't be sampled as this user; undefined for other errors. Known by its name: nobody
 * should load the agent's code to recognize its error.
 */
export function kernelFault(caught: unknown): Fault | undefined {
  if (!(caught instanceof Error) || caught.name !== "KernelSupportError") return undefined;
  const text = `this machine can't be sampled: ${briefly(caught as KernelSupportError)}; podflame doctor kernel tells more`;
  return new Fault(ExitCode.MISSING, text, { cause: caught });
}

/** What is missing and what to do, in one line. */
function briefly({ problems }: KernelSupportError): string {
  // Programs that can't be loaded are what follows from all the rest.
  const causes = problems.filter(({ what }) => !what.startsWith("program "));
  const told = causes.length > 0 ? causes : problems;
  const remedies = new Set(told.map(({ remedy }) => remedy));
  const [remedy] = remedies;
  // What is behind the semicolon explains what it's for.
  const missing = told.map(({ what }) => what.split(";")[0]!.replace(": missing", " is missing")).join(", ");
  return remedies.size === 1 ? `${missing}: ${remedy}` : `${missing}. Run it as root, or grant what is missing`;
}
