import { createHash } from "node:crypto";
import { BY_IP, Directory, IdentityView } from "#identity";
import type { PodObject } from "#kubernetes";
import { MetricRegistry, systemClock } from "#telemetry";
import { containerOf, podOf } from "../../src/identity/pod-fixtures.ts";
import type { Row } from "../intake/report.ts";

const PODS = 10_000;
const ROUND = 1_000_000;

/**
 * What it takes to find a pod among 10,000, in nanoseconds: by the id of a container and by uid from bytes as they stand in
 * requests, by address from a string. Keys come in no order, so that caches help as little as they do in life.
 */
export function measureLookUps(runs: number): readonly Row[] {
  const directory = new Directory({ telemetry: { clock: systemClock, metrics: new MetricRegistry() } });
  const view = new IdentityView(directory, 120_000, systemClock);
  const byIp = directory.openIndex(BY_IP);
  const pods = Array.from({ length: PODS }, (_, number) => podNumber(number));
  for (const pod of pods) directory.upsert(pod);
  const shuffled = pods.toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
  const ids = shuffled.map(({ containers: [app] }) => Buffer.from(app!.containerId.slice("containerd://".length)));
  const uids = shuffled.map(({ uid }) => Buffer.from(uid));
  const addresses = shuffled.map(({ podIps: [ip] }) => ip!);
  const unknown = Array.from({ length: PODS }, (_, number) => Buffer.from(hex(`unknown ${number}`)));
  const rows: Row[] = [];
  const measure = (what: string, expected: boolean, find: (at: number) => unknown): void => {
    const nanoseconds: number[] = [];
    // The first rounds are the compiler's.
    for (let run = -2; run < runs; run++) {
      let found = 0;
      const beganNs = process.hrtime.bigint();
      for (let count = 0, at = 0; count < ROUND; count++) {
        if (find(at) !== undefined) found++;
        if (++at === PODS) at = 0;
      }
      const tookNs = Number(process.hrtime.bigint() - beganNs);
      if (found !== (expected ? ROUND : 0)) throw new Error(`look-ups by ${what}: ${found} of ${ROUND} found`);
      if (run >= 0) nanoseconds.push(tookNs / ROUND);
    }
    rows.push({ benchmark: "look-up", quantity: `ns, ${what}`, podflame: nanoseconds, note: "goal: below 1000" });
  };
  measure("container id", true, (at) => view.container(ids[at]!, 0, 64));
  measure("uid", true, (at) => view.uid(uids[at]!, 0, 36));
  measure("address", true, (at) => view.in(byIp, addresses[at]!));
  measure("container id that nobody has", false, (at) => view.container(unknown[at]!, 0, 64));
  directory.close();
  return rows;
}

function podNumber(number: number): PodObject {
  const digits = hex(`pod ${number}`);
  const part = (from: number, to: number): string => digits.slice(from, to);
  return podOf({
    uid: `${part(0, 8)}-${part(8, 12)}-4${part(12, 15)}-8${part(15, 18)}-${part(18, 30)}`,
    name: `pod-${number}`,
    namespace: "shop",
    podIps: [`10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`],
    containers: [containerOf({ containerId: `containerd://${hex(`container ${number}`)}` })],
  });
}

function hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
