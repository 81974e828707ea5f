/** The four kinds of telemetry. A parameter everywhere, never four copies of a file. */
export const SIGNALS = ["traces", "metrics", "logs", "profiles"] as const;
export type Signal = (typeof SIGNALS)[number];
