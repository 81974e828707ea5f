import type { ElfFile } from "../elf/elf-file.ts";
import { SegmentType } from "../elf/segments.ts";

/** Virtual addresses [start, end) that hold code. */
export interface CodeRange {
  readonly start: number;
  readonly end: number;
}

/** The executable segments of a file, by address; merged where they touch or overlap. */
export function codeSegments(elf: ElfFile): readonly CodeRange[] {
  return merged(
    elf.segments
      .filter(({ type, executable }) => type === SegmentType.LOAD && executable)
      .map(({ virtualAddress, memorySizeBytes }) => ({ start: virtualAddress, end: virtualAddress + memorySizeBytes })),
  );
}

function merged(ranges: readonly CodeRange[]): readonly CodeRange[] {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

/** The range that holds `address`. */
export function rangeOf<Range extends CodeRange>(ranges: readonly Range[], address: number): Range | undefined {
  return ranges.find(({ start, end }) => address >= start && address < end);
}
