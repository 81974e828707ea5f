/** A feature gate that podflame knows, and why switching it changes nothing. */
const KNOWN: Readonly<Record<string, string>> = {
  "service.profilesSupport": "profiles are always on here",
};

/** The Collector's way to write ids, e.g. `receiver.otlp.someGate`. */
const ID = /^[0-9a-zA-Z.]+$/;

/**
 * Reads `--feature-gates` values as the Collector writes them: comma lists of ids, each with `+` or `-` before it if
 * wanted. No gate changes anything here; ids that podflame doesn't know are warned of, for the Collector's own lists
 * are long and change with every release.
 */
export function readFeatureGates(values: readonly string[]): {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
} {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const written of values.flatMap((value) => value.split(","))) {
    const id = written.trim().replace(/^[+-]/, "");
    if (id === "" && written.trim() === "") continue;
    if (!ID.test(id)) {
      problems.push(`--feature-gates: ${JSON.stringify(written)} is no id; write e.g. +service.profilesSupport`);
    } else if (!(id in KNOWN)) {
      warnings.push(`feature gate ${id} is not known here and changes nothing`);
    }
  }
  return { problems, warnings };
}
