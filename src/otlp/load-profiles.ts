import type * as profiles from "./profiles/index.ts";

/** `detectLayout`, `readProfiles`, `ModelBuilder`, `describeProfiles`: see profiles/index.ts. */
export type Profiles = typeof profiles;

/** Loads what reads profiles on the first call; later calls get the same module. */
export function loadProfiles(): Promise<Profiles> {
  return import("./profiles/index.ts");
}
