import type { FormatName } from "#formats";
import type { ProfilesModel } from "#otlp";
import { counted } from "../inspect/text-table.ts";

/** What a format may have no place for. */
type Detail = "timestamp" | "link" | "sample attribute" | "resource";

/** What each format cannot say of a sample. speedscope has timestamps as an order only. */
const NO_PLACE_FOR: Readonly<Partial<Record<FormatName, readonly Detail[]>>> = {
  pprof: ["timestamp", "resource"],
  folded: ["timestamp", "link", "sample attribute", "resource"],
  speedscope: ["timestamp", "link", "sample attribute"],
  firefox: ["link"],
  html: ["timestamp", "link", "sample attribute"],
};

/** Formats of a single sample type. */
const ONE_TYPE: ReadonlySet<FormatName> = new Set(["folded", "firefox"]);

/** What a file in that format does not say of the model, in words for people; empty where it says all. */
export function formatLosses(model: ProfilesModel, format: FormatName): readonly string[] {
  const counts: Record<Detail, number> = { timestamp: 0, link: 0, "sample attribute": 0, resource: 0 };
  const types = new Set<string>();
  for (const { resource, scopes } of model.resources) {
    if (resource.length > 0) counts.resource++;
    for (const { profiles } of scopes) {
      for (const { samples, types: of } of profiles) {
        for (const { type } of of) types.add(model.dictionary.strings.text(type));
        counts.timestamp += samples.timestamps.length;
        counts["sample attribute"] += samples.attributes.length;
        for (const link of samples.link) if (link !== 0) counts.link++;
      }
    }
  }
  const lines = (NO_PLACE_FOR[format] ?? [])
    .filter((detail) => counts[detail] > 0)
    .map((detail) => `${format} has no place for ${counted(counts[detail], detail)}`);
  if (types.size > 1 && ONE_TYPE.has(format)) {
    lines.push(`${format} has one sample type, there are ${[...types].join(", ")}: choose with --type`);
  }
  return lines;
}
