import { ApiError, KubernetesConfigError } from "../errors.ts";

/** How a step of a reflector ended. */
export type Outcome =
  /** A list is complete. */
  | { readonly kind: "listed" }
  /** The server ended the watch in order, as it does every few minutes. */
  | { readonly kind: "watch-ended"; readonly livedMs: number }
  /** The version asked for is gone (410), in a list or a watch. */
  | { readonly kind: "expired" }
  | { readonly kind: "failed"; readonly during: "list" | "watch"; readonly livedMs: number; readonly error: Error };

/** What a reflector does next: after `delayMs`, a list, or a watch from the version it knows. */
export interface Step {
  readonly kind: "list" | "watch";
  readonly delayMs: number;
  /** Steps in a row that went wrong: the exponent of the next delay. */
  readonly failures: number;
}

export interface Pace {
  /** Upper bound of the delay after the first failure; each further one doubles it. */
  readonly baseMs: number;
  readonly capMs: number;
  /** After a missing right or an unusable credential, which only a person can mend. */
  readonly personMs: number;
}

export const DEFAULT_PACE: Pace = { baseMs: 800, capMs: 30_000, personMs: 30_000 };

/** A watch that lived this long shows that all is well: delays begin small again. */
const HEALTHY_MS = 30_000;
/** A watch that ends in order but sooner than this would make a loop without pause. */
const TOO_SHORT_MS = 1_000;

export const FIRST_STEP: Step = { kind: "list", delayMs: 0, failures: 0 };

/**
 * The transitions of a reflector. Delays have full jitter (0 up to the bound), so that many agents that lost the same
 * server don't come back at once. `random` gives a number from 0 up to 1.
 */
export function nextStep(before: Step, outcome: Outcome, pace: Pace, random: () => number): Step {
  const backOff = (kind: Step["kind"], livedMs = 0): Step => {
    const failures = livedMs >= HEALTHY_MS ? 1 : before.failures + 1;
    const bound = Math.min(pace.capMs, pace.baseMs * 2 ** Math.min(failures - 1, 30));
    return { kind, delayMs: bound * random(), failures };
  };
  switch (outcome.kind) {
    case "listed":
      return { kind: "watch", delayMs: 0, failures: before.failures };
    case "watch-ended":
      if (outcome.livedMs < TOO_SHORT_MS) return backOff("watch");
      return { kind: "watch", delayMs: 0, failures: outcome.livedMs >= HEALTHY_MS ? 0 : before.failures };
    case "expired":
      return backOff("list");
    case "failed": {
      const { error, during, livedMs } = outcome;
      const step = backOff(during === "watch" && !mustRelist(error) ? "watch" : "list", livedMs);
      if (needsPerson(error)) return { ...step, delayMs: pace.personMs * (0.75 + 0.5 * random()) };
      const asked = error instanceof ApiError ? error.status.retryAfterMs : undefined;
      // Never sooner than asked for, and not all at the same moment.
      return asked === undefined ? step : { ...step, delayMs: asked + step.delayMs };
    }
  }
}

/** Whether an error means that the version asked for is gone: 410, reasons `Expired` and `Gone`. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.status.code === 410;
}

/** Whether waiting alone won't help. */
export function needsPerson(error: Error): boolean {
  if (error instanceof KubernetesConfigError) return true;
  return error instanceof ApiError && [401, 403, 404].includes(error.status.code);
}

/**
 * A watch that the server refuses for another reason than load or rights, e.g. 504 "Too large resource version" after
 * a restore, would be refused for ever: the version itself has to be new.
 */
function mustRelist(error: Error): boolean {
  return error instanceof ApiError && ![401, 403, 404, 429, 502, 503].includes(error.status.code);
}
