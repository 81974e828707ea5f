import { VERSION } from "#telemetry";

/** How podflame names itself to those it sends to, in the form of the Collector. */
export const USER_AGENT = `podflame/${VERSION} (${process.platform}/${process.arch})`;
