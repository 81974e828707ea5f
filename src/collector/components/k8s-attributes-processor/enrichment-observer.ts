import type { ContainerInstance, MissReason, PodRecord } from "#identity";

/**
 * What became of an association rule: the resource or its connection lacks a value (`incomplete`), a sender's address
 * that would be the agent's (`left_out`), no such pod (`unknown`), several with an equal right (`ambiguous`), or `found`.
 */
export type RuleOutcome = "incomplete" | "left_out" | "unknown" | "ambiguous" | "found";

/** Hears what a processor decides about each resource, for those who explain it. None in a running collector. */
export interface EnrichmentObserver {
  /** A resource begins, or begins again: what was told before doesn't count for it. */
  begin(): void;
  /** @param rule its number; those behind the last that is told weren't tried */
  tried(rule: number, outcome: RuleOutcome): void;
  /** The pod, and which of its containers the resource means. */
  found(record: PodRecord, instance: ContainerInstance | undefined): void;
  /** Why the resource isn't named. */
  missed(reason: MissReason): void;
}
