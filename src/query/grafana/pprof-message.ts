import { bool, int64, int64s, message, type Message, messages, nested, strings } from "./messages.ts";

/** Tables of a profile are of our own making, so that they may be long. */
const ANY = Infinity;

const valueType = message({ type: int64(1), unit: int64(2) });
const label = message({ key: int64(1), str: int64(2), num: int64(3), numUnit: int64(4) });
const sample = message({ locationId: int64s(1), value: int64s(2), label: messages(3, label) });
const mapping = message({
  id: int64(1),
  memoryStart: int64(2),
  memoryLimit: int64(3),
  fileOffset: int64(4),
  filename: int64(5),
  buildId: int64(6),
  hasFunctions: bool(7),
  hasFilenames: bool(8),
  hasLineNumbers: bool(9),
  hasInlineFrames: bool(10),
});
const line = message({ functionId: int64(1), line: int64(2) });
const location = message({
  id: int64(1),
  mappingId: int64(2),
  address: int64(3),
  line: messages(4, line, ANY),
  isFolded: bool(5),
});
const functions = message({
  id: int64(1),
  name: int64(2),
  systemName: int64(3),
  filename: int64(4),
  startLine: int64(5),
});
const profile = message({
  sampleType: messages(1, valueType),
  sample: messages(2, sample, ANY),
  mapping: messages(3, mapping, ANY),
  location: messages(4, location, ANY),
  function: messages(5, functions, ANY),
  stringTable: strings(6, ANY),
  dropFrames: int64(7),
  keepFrames: int64(8),
  timeNanos: int64(9),
  durationNanos: int64(10),
  periodType: nested(11, valueType),
  period: int64(12),
  comment: int64s(13),
  defaultSampleType: int64(14),
});

/** `google.v1.Profile`, which is pprof's file without its compression: taken as it is, and only read to tell it in JSON. */
export const pprofProfile: Message<Uint8Array> = {
  decode: (bytes) => bytes,
  encode: (bytes) => bytes,
  fromJson: () => undefined,
  toJson: (bytes) => {
    const decoded = profile.decode(bytes);
    return decoded === undefined ? {} : profile.toJson(decoded);
  },
};
