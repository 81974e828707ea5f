/** How the process ends, for scripts. */
export const ExitCode = {
  DONE: 0,
  /** The user's input or configuration is at fault. */
  USER: 1,
  /** A needed part is missing here: privilege, kernel, server. */
  MISSING: 2,
  /** Our bug. */
  BUG: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An end that a command wants: the message is for the user, without a stack. */
export class Fault extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Fault";
    this.exitCode = exitCode;
  }
}
