import { ExitCode, Fault } from "./exit.ts";

/**
 * For the user, if this machine can't be sampled as this user; undefined for other errors. Known by its name: nobody
 * should load the agent's code to recognize its error.
 */
export function kernelFault(caught: unknown): Fault | undefined {
  if (!(caught instanceof Error) || caught.name !== "KernelSupportError") return undefined;
  return new Fault(ExitCode.MISSING, `this machine can't be sampled: ${caught.message} (podflame doctor kernel)`, {
    cause: caught,
  });
}
