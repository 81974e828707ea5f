import manifest from "../../../package.json" with { type: "json" };

/** How podflame names itself to those it sends to, in the form of the Collector. */
export const USER_AGENT = `podflame/${manifest.version} (${process.platform}/${process.arch})`;
