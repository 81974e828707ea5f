import { InvalidArgumentError } from "commander";
import { LAYOUT_RELEASES, LAYOUTS, type Layout } from "#otlp";

/** A layout as users name it: by a release of opentelemetry-proto (`1.9`, `v1.9.0`) or by our name (`D9`). */
export function layoutOption(value: string): Layout {
  const release = /^v?1\.(\d{1,2})(?:\.\d+)?$/.exec(value)?.[1];
  const named = LAYOUTS.find(
    (layout) => layout === value.toUpperCase() || LAYOUT_RELEASES[layout].split(", ").includes(`1.${release}`),
  );
  if (named === undefined) throw new InvalidArgumentError(`expected one of ${RELEASES.join(", ")}.`);
  return named;
}

/** `1.9 (D9)`: the release for those who know the standard, our name for those who read our docs. */
export function layoutTitle(layout: Layout): string {
  return `${LAYOUT_RELEASES[layout]} (${layout})`;
}

/** Releases that the option takes. */
export const RELEASES: readonly string[] = LAYOUTS.flatMap((layout) => LAYOUT_RELEASES[layout].split(", "));
