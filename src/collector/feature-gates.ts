import { hostKey, type HostKey } from "./component.ts";

/** The gates of the command line: `true` for `+gate` and plain `gate`, `false` for `-gate`. */
export type FeatureGates = ReadonlyMap<string, boolean>;

/** Where components find them. */
export const FEATURE_GATES: HostKey<FeatureGates> = hostKey<FeatureGates>("feature gates");

/** The Collector's gates that podflame knows: what switching one does here. */
const KNOWN: Readonly<Record<string, string>> = {
  "service.profilesSupport": "nothing: profiles are always on",
  "processor.k8sattributes.EmitV1K8sConventions": "k8s_attributes writes names of today's conventions",
  "processor.k8sattributes.DontEmitV0K8sConventions": "k8s_attributes leaves out names of earlier conventions",
};

/** The Collector's way to write ids, e.g. `receiver.otlp.someGate`. */
const ID = /^[0-9a-zA-Z.]+$/;

/**
 * Reads `--feature-gates` values as the Collector writes them: comma lists of ids, each with `+` or `-` before it if
 * wanted; the last one of an id counts. Ids that podflame doesn't know are warned of, for the Collector's own lists are
 * long and change with every release.
 */
export function readFeatureGates(values: readonly string[]): {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly gates: FeatureGates;
} {
  const gates = new Map<string, boolean>();
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const written of values.flatMap((value) => value.split(","))) {
    const id = written.trim().replace(/^[+-]/, "");
    if (id === "" && written.trim() === "") continue;
    if (!ID.test(id)) {
      problems.push(`--feature-gates: ${JSON.stringify(written)} is no id; write e.g. +service.profilesSupport`);
      continue;
    }
    gates.set(id, !written.trim().startsWith("-"));
    if (!(id in KNOWN)) warnings.push(`feature gate ${id} is not known here and changes nothing`);
  }
  return { problems, warnings, gates };
}
