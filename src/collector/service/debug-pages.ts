import { hostKey, type HostKey } from "../component.ts";

/**
 * What components tell those who look for a fault: by name, a function that gives data for JSON when it is asked for. Served
 * at `/debug/NAME` beside the metrics, to this machine alone. Bounded by who makes it.
 */
export type DebugPages = Map<string, () => unknown>;

/** The running service's pages; present in every host from the beginning. */
export const DEBUG_PAGES: HostKey<DebugPages> = hostKey<DebugPages>("debug pages");
