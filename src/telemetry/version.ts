import manifest from "../../package.json" with { type: "json" };

/** The version of podflame that runs. */
export const VERSION: string = manifest.version;
