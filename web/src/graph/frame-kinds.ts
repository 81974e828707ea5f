/** What kinds of frames are called. */
import type { FrameKind } from "../flame/index.ts";

const NAMES: Readonly<Record<FrameKind, string>> = {
  native: "Native",
  kernel: "Kernel",
  go: "Go",
  rust: "Rust",
  javascript: "JavaScript",
  jvm: "JVM",
  python: "Python",
  ruby: "Ruby",
  php: "PHP",
  perl: "Perl",
  dotnet: ".NET",
  beam: "BEAM",
  jit: "Compiled at run time",
  process: "Process",
  group: "Group",
  truncated: "Truncated stack",
  unnamed: "No name",
  other: "Other",
};

export function sayKind(kind: FrameKind): string {
  return NAMES[kind];
}
