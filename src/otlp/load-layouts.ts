import type * as layouts from "./upgrade/layouts.ts";

/** `writeProfiles`, `upgradeProfiles`, `regroupByContainer`, `convertRequest`: see upgrade/layouts.ts. */
export type Layouts = typeof layouts;

/** Loads what converts profiles on the first call; later calls get the same module. */
export function loadLayouts(): Promise<Layouts> {
  return import("./upgrade/layouts.ts");
}
