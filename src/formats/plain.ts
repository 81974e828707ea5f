/**
 * The readers for pages: bytes without compression in, nothing of Node, and none of the writers. The page's worker
 * imports this instead of `index.ts`, whose flame graph would bring its own page along.
 */
export { resourceAttributes } from "./attributes.ts";
export { parseCpuProfile } from "./cpuprofile.ts";
export { Frames } from "./frames.ts";
export { beginsAsJson, isJsonSpace } from "./json.ts";
export { parsePerfScript } from "./perf-script.ts";
export { sampleTypeName, sampleTypes } from "./sample-types.ts";
export { profilesOf, sampleValue } from "./sample-values.ts";
export { parseSpeedscope } from "./speedscope-reader.ts";
export { subjectOf } from "./subject.ts";
