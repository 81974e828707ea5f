import type { StatusAnswer } from "../../../src/query/api.ts";
export function openFiles(_files: readonly File[]): void {}
export function openServedFiles(_files: StatusAnswer["files"]): void {}
