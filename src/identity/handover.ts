import type { MetadataObject, PodObject } from "#kubernetes";
import type { Clock, Timer } from "#telemetry";
import type { Directory } from "./directory.ts";
import { LIVE } from "./records.ts";

/** A configuration that is loaded anew is at work within seconds, or it can't start and is tried again for a while. */
const KEPT_MS = 60_000;

/** What a directory knew when its last user left. */
interface Known {
  readonly pods: readonly PodObject[];
  /** Those in their time of grace. */
  readonly gone: readonly PodObject[];
  readonly objects: readonly MetadataObject[];
  readonly expiry: Timer;
}

/** By what the process is known by, then by the settings of the source. */
const KEPT = new WeakMap<object, Map<string, Known>>();

/**
 * Keeps what a directory knows for the next one of the same source in this process: a reload of the configuration must not
 * leave anybody without a name until the lists have come again.
 * @param owner lives as long as the process
 */
export function handOver(owner: object, source: string, directory: Directory, clock: Clock): void {
  const [pods, gone]: [PodObject[], PodObject[]] = [[], []];
  for (const { pod, goneSinceMs } of directory.records()) (goneSinceMs === LIVE ? pods : gone).push(pod);
  if (pods.length === 0) return;
  const objects: MetadataObject[] = [];
  for (const { object, goneSinceMs } of directory.objects.records()) {
    if (object !== undefined && goneSinceMs === LIVE) objects.push(object);
  }
  let kept = KEPT.get(owner);
  if (kept === undefined) KEPT.set(owner, (kept = new Map<string, Known>()));
  kept.get(source)?.expiry.cancel();
  const expiry = clock.timer(KEPT_MS, () => kept.delete(source));
  kept.set(source, { pods, gone, objects, expiry });
}

/**
 * Fills a directory that is empty yet with what its predecessor knew, if there was one a moment ago. The lists that follow
 * count as ever: what they don't tell is gone.
 */
export function takeOver(owner: object, source: string, directory: Directory): void {
  const kept = KEPT.get(owner);
  const known = kept?.get(source);
  if (kept === undefined || known === undefined) return;
  kept.delete(source);
  known.expiry.cancel();
  const { kinds } = directory.objects;
  for (const object of known.objects) {
    if (kinds.includes(object.kind)) directory.objects.sink(object.kind).upsert(object);
  }
  for (const pod of [...known.pods, ...known.gone]) directory.upsert(pod);
  for (const pod of known.gone) directory.remove(pod);
}
