import type { ParseError } from "#wire";
import type { Layout } from "./layout.ts";

/**
 * How sure a detection is. `certain`: the bytes cannot be another layout, or read the same in those they can be.
 * `likely`: they could be, but then samples would contradict themselves. `assumed`: nothing in the bytes decides, so
 * the prior or the newest layout was taken.
 */
export type Confidence = "certain" | "likely" | "assumed";

/** Which layout a request has. */
export interface Detection {
  readonly layout: Layout;
  /** All layouts that would do, the oldest first: some bytes read the same in two. All of them for an empty request. */
  readonly candidates: readonly Layout[];
  readonly confidence: Confidence;
  /** Why, in words for people, e.g. `top-level dictionary`. */
  readonly evidence: readonly string[];
  /** There is no profile to tell by. */
  readonly empty: boolean;
}

/** Why a request is refused before it is read. */
export type RefusalReason =
  /** Samples without the tables they refer to: an export request of 1.6, or a stripped message. */
  | "unresolvable"
  /** No layout of profiles, e.g. a pprof file or another signal. */
  | "not-otlp"
  | "malformed"
  /** Parts of it are of different layouts. */
  | "mixed";

/** The answer to a request that has no layout. */
export class Refusal {
  readonly reason: RefusalReason;
  /** What to answer the sender. */
  readonly problem: ParseError;

  constructor(reason: RefusalReason, problem: ParseError) {
    this.reason = reason;
    this.problem = problem;
  }

  get message(): string {
    return this.problem.message;
  }
}

/** What is known about the sender; breaks ties, never overrules the bytes. */
export interface DetectionPrior {
  /** Package of the service that was called. */
  readonly service?: "v1development" | "v1experimental";
  /** Value of `otlp-profiles-development-version`: `1` stands for D10. */
  readonly developmentVersion?: string;
  /** `<distribution>/<version> (os/arch)`, as collectors send it. */
  readonly userAgent?: string;
  /** What the same peer sent last. */
  readonly lastLayout?: Layout;
}

/** Collector releases by the first minor version that has a layout (reference §5.1). */
const COLLECTORS: readonly (readonly [number, Layout])[] = [
  [148, "D10"],
  [140, "D9"],
  [136, "D8"],
  [128, "D7"],
  [117, "D5"],
  [115, "D4"],
  [101, "E"],
];

/** The layout that the prior speaks for; undefined where it says nothing. */
export function layoutOfPrior(prior: DetectionPrior): Layout | undefined {
  if (prior.developmentVersion === "1") return "D10";
  const minor = /otelcol|opentelemetry.collector/i.test(prior.userAgent ?? "")
    ? Number(/\/v?0\.(\d+)\./.exec(prior.userAgent ?? "")?.[1])
    : NaN;
  const release = COLLECTORS.find(([first]) => minor >= first);
  if (release) return release[1];
  if (prior.lastLayout) return prior.lastLayout;
  return prior.service === "v1experimental" ? "E" : undefined;
}
