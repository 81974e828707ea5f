/**
 * Who samples are of: series and profile types by number, their labels over time, selectors. Start with
 * `SeriesCatalog`. Leaves out the samples themselves.
 */
export { attributeTexts } from "./attribute-texts.ts";
export { SeriesCatalog } from "./series-catalog.ts";
export { DEFAULT_SERIES_LIMITS, type SeriesLimits } from "./series-limits.ts";
export { type LabelTest, compileMatcher, compileSelector } from "./matchers.ts";
export { labelName, WORKLOAD_KIND, WORKLOAD_NAME, WORKLOAD_REVISION } from "./labels.ts";
export type { NumberedType } from "./profile-type-table.ts";
export type { DescribedType } from "./type-rules.ts";
