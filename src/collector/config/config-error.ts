/** Where something stands in what the user wrote. Lines and columns count from 1. */
export interface Place {
  /** The file as the user named it, or in parentheses the option it came from. */
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong, or suspicious, in a configuration. */
export interface ConfigProblem {
  /** Absent where nothing was read, e.g. a file that isn't there. */
  readonly place?: Place;
  /** Keys and positions from the root of the configuration; empty where none can be told. */
  readonly path: readonly (string | number)[];
  /** What is wrong, with the offending value, and the remedy. */
  readonly message: string;
}

/** Shows a problem as `file:line:column: path: message`; the path is written as `--set` takes it. */
export function describeProblem({ place, path, message }: ConfigProblem): string {
  const where = place ? `${place.source}:${place.line}:${place.column}: ` : "";
  return where + (path.length > 0 ? `${path.join("::")}: ` : "") + message;
}

/** All that is wrong with a configuration, in one go. The user's to mend: exit code 1. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(describeProblem).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}
