import { decodeText, Reader, WireType } from "#wire";
import type { FormatName } from "./format.ts";
import { inflateHead } from "./inflate.ts";
import { parsePerfFrame, parsePerfHeader } from "./perf-script-lines.ts";
import { ProfileField } from "./pprof-schema.ts";

/** How much of a text file is looked at. */
const TEXT_BYTES = 8 << 10;

/** Tells a format by the first bytes of a file, compressed or not. */
export function detectByContent(bytes: Uint8Array): FormatName | undefined {
  return detectPlain(inflateHead(bytes));
}

/** As `detectByContent`, of the first bytes of a file without compression: runs in a browser as well. */
export function detectPlain(head: Uint8Array): FormatName | undefined {
  if (looksLikePprof(head)) return "pprof";
  const text = decodeText(head, 0, Math.min(head.length, TEXT_BYTES)).replace(/^\uFEFF/, "");
  if (text.includes("\0")) return undefined;
  if (/^\s*\{/.test(text)) return jsonFormat(text);
  if (/^\s*<!doctype html/i.test(text))
    return text.includes('name="generator" content="podflame"') ? "html" : undefined;
  return linesFormat(text.split(/\r?\n/), head.length > TEXT_BYTES);
}

/**
 * The known fields of profile.proto with their wire types, at least one of which OTLP cannot have: there the first
 * level holds messages only, and field 1 of ResourceProfiles is a message where ValueType has a number.
 */
function looksLikePprof(head: Uint8Array): boolean {
  // Letters are tags as well: "pa" is field 14. But a ValueType holds numbers that no text holds.
  if (!head.subarray(0, TEXT_BYTES).some((byte) => byte < 0x09)) return false;
  const file = new Reader();
  const entry = new Reader();
  file.reset(head, 0, head.length);
  let evidence = 0;
  while (file.next()) {
    const { field, wireType } = file;
    if (field > ProfileField.DOC_URL || wireType !== wireTypeOf(field, wireType)) return false;
    if (field === ProfileField.STRING_TABLE) continue;
    if (wireType === WireType.VARINT) evidence++;
    else if (field !== ProfileField.COMMENT && file.end > file.start) {
      entry.reset(head, file.start, file.end);
      if (!entry.next()) return false;
      const numbers = field !== ProfileField.SAMPLE;
      // A Sample begins with ids or values, both perhaps packed, or with a label; all else begins with a number.
      if (numbers && entry.wireType !== WireType.VARINT && !(field === ProfileField.LOCATION && entry.field === 4)) {
        return false;
      }
      if (numbers) evidence++;
    }
  }
  // The head may end inside a field.
  return evidence > 0;
}

function wireTypeOf(field: number, found: WireType): WireType {
  if (field <= ProfileField.STRING_TABLE || field === ProfileField.PERIOD_TYPE) return WireType.LEN;
  if (field === ProfileField.COMMENT && found === WireType.LEN) return WireType.LEN;
  return WireType.VARINT;
}

function jsonFormat(text: string): FormatName | undefined {
  if (text.includes("speedscope.app/file-format-schema.json")) return "speedscope";
  if (/"shared"\s*:\s*\{\s*"frames"\s*:/.test(text)) return "speedscope";
  if (/^\s*\{\s*"nodes"\s*:\s*\[\s*\{/.test(text) && text.includes('"callFrame"')) return "cpuprofile";
  if (text.includes('"preprocessedProfileVersion"')) return "firefox";
  return undefined;
}

/** The first lines that say something: all of them stacks with a count, or a header of perf with frames below it. */
function linesFormat(lines: readonly string[], cut: boolean): FormatName | undefined {
  const said = (cut ? lines.slice(0, -1) : lines).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (said.length === 0) return undefined;
  if (parsePerfHeader(said[0]!)) {
    if (said.length === 1 || parsePerfFrame(said[1]!) || parsePerfHeader(said[1]!)) return "perf-script";
  }
  return said.every((line) => /^\S.*\s-?\d+\s*$/.test(line)) ? "folded" : undefined;
}
