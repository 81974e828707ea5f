import type * as detection from "./profiles/detect-layout.ts";
import type * as layouts from "./upgrade/layouts.ts";

/** `writeProfiles`, `upgradeProfiles`, `regroupByContainer`, `convertRequest`: see upgrade/layouts.ts. */
export type Layouts = typeof layouts;

/** Loads what converts profiles on the first call; later calls get the same module. */
export function loadLayouts(): Promise<Layouts> {
  return import("./upgrade/layouts.ts");
}

/** Loads `detectLayout` alone, which is what telling layouts apart needs. */
export function loadLayoutDetection(): Promise<Pick<typeof detection, "detectLayout">> {
  return import("./profiles/detect-layout.ts");
}
