import type { ByteSource } from "../byte-source.ts";
import { SectionType, type ElfSection } from "./sections.ts";
import { SegmentType, type ElfSegment } from "./segments.ts";
import { readExactly } from "./windows.ts";

/** What tells one build from another, and where its debug information may be. */
export interface ElfIdentity {
  /** `NT_GNU_BUILD_ID` in lower-case hexadecimal, usually 40 digits. */
  readonly gnuBuildId: string | undefined;
  /** What Go's linker writes, e.g. `yxi…/…`. */
  readonly goBuildId: string | undefined;
  /** `.gnu_debuglink`: name of a file without folder, and the CRC-32 of its content. */
  readonly debugLink: { readonly fileName: string; readonly crc32: number } | undefined;
}

/** Notes larger than this are not read: a build id has tens of bytes. */
const MAX_NOTES_BYTES = 16 << 10;
/** Notes segments or sections looked at. */
const MAX_NOTE_TABLES = 16;
const MAX_DEBUG_LINK_BYTES = 4096;
const NT_GNU_BUILD_ID = 3;
const NT_GO_BUILD_ID = 4;
/** SHA-1 has 20, the longest hash that linkers offer 32. */
const MAX_GNU_BUILD_ID_BYTES = 64;
const MAX_GO_BUILD_ID_BYTES = 256;

/** Reads the notes and the debug link. Broken ones count as missing. */
export function readIdentity(
  source: ByteSource,
  segments: readonly ElfSegment[],
  sections: readonly ElfSection[],
): ElfIdentity {
  // Sections first: files that hold only debug information have them right, but segments that point nowhere.
  const tables = [
    ...sections.filter(({ type }) => type === SectionType.NOTE),
    ...segments
      .filter(({ type }) => type === SegmentType.NOTE)
      .map(({ filePosition, fileSizeBytes }) => ({ filePosition, sizeBytes: fileSizeBytes })),
  ];
  const ids: BuildIds = { gnuBuildId: undefined, goBuildId: undefined };
  for (const { filePosition, sizeBytes } of tables.slice(0, MAX_NOTE_TABLES)) {
    if (ids.gnuBuildId !== undefined && ids.goBuildId !== undefined) break;
    const notes = sizeBytes <= MAX_NOTES_BYTES ? readExactly(source, filePosition, sizeBytes) : undefined;
    if (notes) readNotes(Buffer.from(notes.buffer), ids);
  }
  return { ...ids, debugLink: readDebugLink(source, sections) };
}

interface BuildIds {
  gnuBuildId: string | undefined;
  goBuildId: string | undefined;
}

/** A note is sizes of name and content, type, name, content; both are padded to 4 bytes (also where segments claim 8). */
function readNotes(notes: Buffer, ids: BuildIds): void {
  let at = 0;
  while (at + 12 <= notes.length) {
    const nameBytes = notes.readUInt32LE(at);
    const contentBytes = notes.readUInt32LE(at + 4);
    const type = notes.readUInt32LE(at + 8);
    const content = at + 12 + padded(nameBytes);
    const end = content + contentBytes;
    if (end > notes.length) return;
    const name = notes.toString("latin1", at + 12, at + 12 + nameBytes);
    if (name === "GNU\0" && type === NT_GNU_BUILD_ID && contentBytes <= MAX_GNU_BUILD_ID_BYTES && contentBytes > 0) {
      ids.gnuBuildId ??= notes.toString("hex", content, end);
    } else if (name === "Go\0\0" && type === NT_GO_BUILD_ID && contentBytes <= MAX_GO_BUILD_ID_BYTES) {
      ids.goBuildId ??= notes.toString("latin1", content, end);
    }
    at = content + padded(contentBytes);
  }
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 4) * 4;
}

function readDebugLink(source: ByteSource, sections: readonly ElfSection[]): ElfIdentity["debugLink"] {
  const section = sections.find(({ name }) => name === ".gnu_debuglink");
  if (!section || section.sizeBytes > MAX_DEBUG_LINK_BYTES) return undefined;
  const view = readExactly(source, section.filePosition, section.sizeBytes);
  if (!view) return undefined;
  const bytes = Buffer.from(view.buffer);
  const zero = bytes.indexOf(0);
  const checksum = padded(zero + 1);
  if (zero <= 0 || checksum + 4 > bytes.length) return undefined;
  const fileName = bytes.toString("utf8", 0, zero);
  // A name with a folder in it would lead out of the places where debug files are looked for.
  if (fileName.includes("/") || fileName === "." || fileName === "..") return undefined;
  return { fileName, crc32: bytes.readUInt32LE(checksum) };
}
