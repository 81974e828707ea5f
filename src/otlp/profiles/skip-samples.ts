import type { Reader } from "#wire";

/** Profile.sample as a tag of one byte: field 2, LEN, in every layout. */
const SAMPLE_TAG = 0x12;

/**
 * Steps over samples much faster than field by field: there may be tens of thousands, all alike. Returns how many, and
 * adds the ranges of the first `most` to `kept`. Stops after `limit` of them.
 */
export function skipSamples(reader: Reader, kept?: number[], most = 0, limit = Infinity): number {
  const { bytes, limit: messageEnd } = reader;
  const last = (messageEnd - 3) | 0;
  let at = reader.position | 0;
  let count = 0;
  while (at <= last && bytes[at] === SAMPLE_TAG && count < limit) {
    let length = bytes[at + 1]!;
    let start = at + 2;
    if (length >= 0x80) {
      const high = bytes[at + 2]!;
      if (high >= 0x80) break;
      length = (length & 0x7f) + (high << 7);
      start++;
    }
    const end = start + length;
    if (end > messageEnd) break;
    at = end;
    count++;
    if (kept !== undefined && kept.length < most * 2) kept.push(start, end);
  }
  reader.position = at;
  return count;
}
