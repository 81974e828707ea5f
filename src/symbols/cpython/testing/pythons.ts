/** The builds of CPython that are here: Debian's own, static and stripped, and pyenv's, of which most have it in a library. */
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { hasProgram } from "../../../../test/has-program.ts";

/** An interpreter whose functions are named. */
export interface Python {
  /** E.g. `3.12.1 (pyenv)`. */
  readonly name: string;
  readonly path: string;
  /** The file that has the interpreter in it. */
  readonly library: string;
}

const DEBIAN = "/usr/bin/python3.11";
const PYENV = join(homedir(), ".pyenv/versions");

/** Those of 3.11 to 3.13; tests skip loudly if there is none. */
export function pythons(): readonly Python[] {
  const debian: Python = { name: "3.11 (Debian)", path: DEBIAN, library: DEBIAN };
  return [...(hasProgram(DEBIAN, "--version") ? [debian] : []), ...builds(/^3\.1[1-3]\.\d+$/)];
}

/** One that is too old to be known. */
export function oldPython(): Python | undefined {
  return builds(/^3\.10\.\d+$/)[0];
}

function builds(wanted: RegExp): readonly Python[] {
  const versions = existsSync(PYENV) ? readdirSync(PYENV).filter((version) => wanted.test(version)) : [];
  return versions.sort().flatMap((version) => {
    const short = version.split(".").slice(0, 2).join(".");
    const path = join(PYENV, version, "bin", `python${short}`);
    const shared = join(PYENV, version, "lib", `libpython${short}.so.1.0`);
    const library = existsSync(shared) ? shared : path;
    return existsSync(path) ? [{ name: `${version} (pyenv)`, path, library }] : [];
  });
}
