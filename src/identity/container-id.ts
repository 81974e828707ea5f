import { isHexDigit } from "./hex-key.ts";

/** Where a container id stands in a text; one object is reused for all look-ups. */
export class ContainerIdRange {
  start = 0;
  end = 0;
  /** The id has a runtime's form: 64 hexadecimal digits, 32, or 32 and a number (`…-1234567890`, as in ECS tasks). */
  hex = false;
  /** End of the path above the segment that holds the id, or 0 where nothing is above. */
  outerEnd = 0;
}

const SLASH = 0x2f;
const COLON = 0x3a;
const HYPHEN = 0x2d;
const SCOPE = Buffer.from(".scope");
const CONMON = Buffer.from("conmon-");

/**
 * Finds the container id in `bytes[start, end)`, in any spelling that runtimes, the kubelet and profilers use:
 *
 * - bare, or behind a scheme (`containerd://`, `docker://`, `cri-o://`, `podman://`, …);
 * - the name of a cgroup (`cri-containerd-<id>.scope`, `docker-<id>.scope`, `crio-<id>`, `slice:cri-containerd:<id>`);
 * - a cgroup path, where the deepest segment that names a container counts, whatever the container made below itself.
 *
 * A text without slashes that has no runtime's form counts as an id as it is. A `conmon` cgroup, the runtime's own
 * process beside the container, is no container. False if there is none; `found` is arbitrary then.
 */
export function locateContainerId(bytes: Uint8Array, start: number, end: number, found: ContainerIdRange): boolean {
  const from = afterScheme(bytes, start, end);
  if (locateInPath(bytes, from, end, found)) return true;
  for (let at = from; at < end; at++) if (bytes[at] === SLASH) return false;
  if (from === end || endsWithConmon(bytes, from, end)) return false;
  found.start = from;
  found.end = end;
  found.hex = false;
  found.outerEnd = 0;
  return true;
}

/**
 * Finds the deepest id of a runtime's form in the path `bytes[start, end)`. With `end` set to `outerEnd` of the last
 * find it goes on outwards: containers nest (Docker in a pod, kind's nodes), and only one of the ids may be known.
 */
export function locateInPath(bytes: Uint8Array, start: number, end: number, found: ContainerIdRange): boolean {
  for (let segmentEnd = end; segmentEnd > start;) {
    let segmentStart = segmentEnd;
    while (segmentStart > start && bytes[segmentStart - 1] !== SLASH) segmentStart--;
    if (readSegment(bytes, segmentStart, segmentEnd, found)) {
      if (endsWithBytes(bytes, segmentStart, found.start, CONMON)) return false;
      found.hex = true;
      found.outerEnd = segmentStart > start ? segmentStart - 1 : 0;
      return true;
    }
    segmentEnd = segmentStart - 1;
  }
  return false;
}

function afterScheme(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at + 2 < end && bytes[at] !== SLASH; at++) {
    if (bytes[at] === COLON && bytes[at + 1] === SLASH && bytes[at + 2] === SLASH) return at + 3;
  }
  return start;
}

/** A segment is a name that ends in `-` or `:` or nothing, then the id, then perhaps `.scope`. */
function readSegment(bytes: Uint8Array, start: number, end: number, found: ContainerIdRange): boolean {
  const idEnd = endsWithBytes(bytes, start, end, SCOPE) ? end - SCOPE.length : end;
  const idStart = hexRunStart(bytes, start, idEnd);
  const length = idEnd - idStart;
  found.end = idEnd;
  if ((length === 64 || length === 32) && separated(bytes, start, idStart)) {
    found.start = idStart;
    return true;
  }
  // 32 digits, a hyphen, a number.
  if (length === 0 || idStart === start || bytes[idStart - 1] !== HYPHEN) return false;
  for (let at = idStart; at < idEnd; at++) if (bytes[at]! > 0x39) return false;
  const taskStart = hexRunStart(bytes, start, idStart - 1);
  if (idStart - 1 - taskStart !== 32 || !separated(bytes, start, taskStart)) return false;
  found.start = taskStart;
  return true;
}

function hexRunStart(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && isHexDigit(bytes[at - 1]!)) at--;
  return at;
}

function separated(bytes: Uint8Array, start: number, at: number): boolean {
  return at === start || bytes[at - 1] === HYPHEN || bytes[at - 1] === COLON;
}

function endsWithConmon(bytes: Uint8Array, start: number, end: number): boolean {
  const idEnd = endsWithBytes(bytes, start, end, SCOPE) ? end - SCOPE.length : end;
  return endsWithBytes(bytes, start, hexRunStart(bytes, start, idEnd), CONMON);
}

function endsWithBytes(bytes: Uint8Array, start: number, end: number, suffix: Uint8Array): boolean {
  if (end - start < suffix.length) return false;
  for (let at = 0; at < suffix.length; at++) if (bytes[end - suffix.length + at] !== suffix[at]) return false;
  return true;
}
