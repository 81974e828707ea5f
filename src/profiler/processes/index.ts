/**
 * Which process a sample belongs to, and to whom it is credited. Start with `ProcessTable`. Leaves out names of
 * functions, and what resources are made of a place.
 */
export { Process } from "./process.ts";
export { type ProcessReaders, ProcessTable, type ProcessTableSettings } from "./process-table.ts";
export { KERNEL_PLACE, type SamplePlace, UNKNOWN_PLACES, type UnknownReason } from "./sample-place.ts";
