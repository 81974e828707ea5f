import { StartError } from "#collector";
/**
 * Which names attributes have: those of the semantic conventions since the Collector's release 0.161 (`stable`), those
 * before it (`legacy`), or `both` at once, for the time in which dashboards move over.
 */
export const SEMCONV_MODES = ["stable", "both", "legacy"] as const;
export type Semconv = (typeof SEMCONV_MODES)[number];

/** What a rule reads, which is also part of the names it gives. */
export type KeyedField = "label" | "annotation";

/** Objects whose labels had plural names; those of workloads came later. */
const ONCE_PLURAL: readonly string[] = ["pod", "namespace", "node"];

/**
 * What the keys of an object's labels or annotations stand behind where a rule gives no name, e.g. `k8s.pod.label.`.
 *
 * @param object as in `from`, e.g. `pod`
 */
export function keyPrefixes(object: string, field: KeyedField, semconv: Semconv): readonly string[] {
  const stable = `k8s.${object}.${field}.`;
  if (!ONCE_PLURAL.includes(object)) return [stable];
  const legacy = `k8s.${object}.${field}s.`;
  if (semconv === "both") return [stable, legacy];
  return [semconv === "stable" ? stable : legacy];
}

/** The Collector's gates for it, alpha from 0.145, on by default from 0.161. */
const EMIT_STABLE = "processor.k8sattributes.EmitV1K8sConventions";
const OMIT_LEGACY = "processor.k8sattributes.DontEmitV0K8sConventions";

/**
 * The mode that the Collector's feature gates mean, as given on the command line: `true` for `+gate`, `false` for
 * `-gate`. Undefined where neither is given.
 *
 * @throws {StartError} where they leave no names at all
 */
export function semconvOfGates(gates: ReadonlyMap<string, boolean>): Semconv | undefined {
  if (!gates.has(EMIT_STABLE) && !gates.has(OMIT_LEGACY)) return undefined;
  const [stable, legacy] = [gates.get(EMIT_STABLE) ?? true, !(gates.get(OMIT_LEGACY) ?? true)];
  if (stable) return legacy ? "both" : "stable";
  if (legacy) return "legacy";
  throw new StartError(
    `feature gate ${EMIT_STABLE} is off and ${OMIT_LEGACY} is on, which leaves no attribute names; ` +
      "switch one of them, or set semconv to stable, both or legacy",
    {},
  );
}
