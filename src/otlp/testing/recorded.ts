import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TESTDATA = fileURLToPath(new URL("../../../testdata/", import.meta.url));

/** A recorded request or a vector of another encoder. */
export interface Recorded {
  /** Path below testdata/. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The files below testdata/ that a pattern names; throws when there are none. */
export function recorded(pattern: string): readonly Recorded[] {
  const names = globSync(pattern, { cwd: TESTDATA }).sort();
  if (names.length === 0) throw new Error(`no testdata/${pattern}`);
  return names.map((name) => ({ name, bytes: new Uint8Array(readFileSync(TESTDATA + name)) }));
}
