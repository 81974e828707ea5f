import type { Layout } from "../profiles/layout.ts";
import { COMMON } from "./common.ts";
import { METRICS_ENUMS } from "./metrics.ts";
import { PROFILES_D10 } from "./profiles-d10.ts";
import { PROFILES_D4, PROFILES_D5, PROFILES_D6, PROFILES_D7 } from "./profiles-d4.ts";
import { PROFILES_D8, PROFILES_D9 } from "./profiles-d8.ts";
import { PROFILES_E, PROFILES_E_ENUMS } from "./profiles-e.ts";
import { SchemaRegistry, type SchemaText } from "./schema.ts";

/** ProfilesData of D8 and later has the fields of the request. */
const REQUEST = PROFILES_D10["ExportProfilesServiceRequest"]!;

const TEXTS: Readonly<Record<Layout, SchemaText>> = {
  E: PROFILES_E,
  D4: PROFILES_D4,
  D5: PROFILES_D5,
  D6: PROFILES_D6,
  D7: PROFILES_D7,
  D8: { ...PROFILES_D8, ProfilesData: REQUEST },
  D9: { ...PROFILES_D9, ProfilesData: REQUEST },
  D10: { ...PROFILES_D10, ProfilesData: REQUEST },
};

const registries = new Map<Layout, SchemaRegistry>();

/**
 * The messages of profiles in one layout. `ProfilesData` is the whole: the export request of that layout has the same
 * fields, except in D6, whose request lacks the tables. Resource and scope attributes are those of 1.11, which only
 * add to earlier ones.
 */
export function profilesSchema(layout: Layout): SchemaRegistry {
  let registry = registries.get(layout);
  if (!registry) {
    registry = new SchemaRegistry([COMMON, TEXTS[layout]], { ...METRICS_ENUMS, ...PROFILES_E_ENUMS });
    registries.set(layout, registry);
  }
  return registry;
}
