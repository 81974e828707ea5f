import { access, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { RotationSettings } from "./config.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** As `backupTime` writes it. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}\.\d{3}$/;

/** Renames the file to its name with the time before the extension, and returns that path. Never overwrites a backup. */
export async function setAside(path: string, nowMs: number, localTime: boolean): Promise<string> {
  for (let atMs = nowMs; ; atMs++) {
    const backup = join(dirname(path), `${stem(path)}-${backupTime(atMs, localTime)}${extname(path)}`);
    const taken = await access(backup).then(
      () => true,
      () => false,
    );
    if (taken) continue;
    await rename(path, backup);
    return backup;
  }
}

/** Removes the backups that are too old or too many. */
export async function removeOldBackups(path: string, rotation: RotationSettings, nowMs: number): Promise<void> {
  const prefix = `${stem(path)}-`;
  const extension = extname(path);
  const times = (await readdir(dirname(path)))
    .filter((name) => name.startsWith(prefix) && name.endsWith(extension))
    .map((name) => name.slice(prefix.length, name.length - extension.length))
    .filter((time) => TIME.test(time))
    .sort()
    .reverse();
  const oldest = rotation.maxDays > 0 ? backupTime(nowMs - rotation.maxDays * DAY_MS, rotation.localTime) : "";
  const kept = rotation.maxBackups > 0 ? rotation.maxBackups : Infinity;
  for (const [index, time] of times.entries()) {
    if (index >= kept || time < oldest) await unlink(join(dirname(path), `${prefix}${time}${extension}`));
  }
}

/** Such as `2022-09-14T05-02-14.173`: sorts by time, and stands in any file name. */
function backupTime(atMs: number, localTime: boolean): string {
  const offsetMs = localTime ? new Date(atMs).getTimezoneOffset() * 60_000 : 0;
  return new Date(atMs - offsetMs).toISOString().slice(0, -1).replaceAll(":", "-");
}

function stem(path: string): string {
  return basename(path, extname(path));
}
