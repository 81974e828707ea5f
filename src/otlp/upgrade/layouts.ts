/**
 * Profiles from layout to layout: `writeProfiles` encodes a model for whoever receives it, `upgradeProfiles` brings one
 * up to the newest layout, `regroupByContainer` gives each container of early agents its resource, `convertRequest`
 * does all of it with bytes. Loaded on demand: most processes pass profiles on as they came.
 */
export { type ConvertedRequest, type ConvertOptions, convertRequest } from "./convert-request.ts";
export type { Loss, LossKind } from "./losses.ts";
export { type RegroupOptions, regroupByContainer } from "./regroup.ts";
export { type ConvertedModel, type UpgradeOptions, upgradeProfiles } from "./upgrade-profiles.ts";
export { WRITABLE_LAYOUTS, type WritableLayout } from "./wire-numbers.ts";
export { type WriteOptions, writeProfiles, type WrittenProfiles } from "./write-profiles.ts";
