import { describe, expect, test } from "vitest";
import type { IdentityEntry, ProfileStore } from "../profile-store.ts";
import { byLabel, foldedOf } from "./answers.ts";
import { requestOf } from "./requests.ts";
import { HOUR, minutes, START } from "./suite-times.ts";

const HIT = 50_000_000;
const CONTAINER = "c0ffee".padEnd(64, "0");

/** What a durable store promises beyond one process. @param reopen closes a store and opens what it left behind */
export function restartSuite(
  open: () => Promise<ProfileStore>,
  reopen: (store: ProfileStore) => Promise<ProfileStore>,
): void {
  const sampled = async (store: ProfileStore, time: number): Promise<void> => {
    const samples = [{ stack: ["main", "work"], time }];
    const resource = { "container.id": CONTAINER, "process.executable.name": "app" };
    await store.append({ bytes: await requestOf({ resource, samples }), receivedAt: START });
  };
  const named = (pod: string, validFrom: number): IdentityEntry => ({
    key: { kind: "container.id", value: CONTAINER },
    validFrom,
    validTo: undefined,
    attributes: new Map([
      ["k8s.namespace.name", "shop"],
      ["k8s.pod.name", pod],
    ]),
  });

  describe("after a restart", () => {
    test("samples, stacks, types and names are there, and go on", async () => {
      const first = await open();
      await sampled(first, minutes(1));
      await first.recordIdentity([named("cart-1", minutes(0))]);
      const second = await reopen(first);
      expect(await byLabel(second, HOUR, "pod")).toEqual({ "cart-1": HIT });
      await sampled(second, minutes(2));
      const third = await reopen(second);
      expect(await foldedOf(third, HOUR)).toEqual({ "app;main;work": 2 * HIT });
      expect(await third.resolve([], HOUR, "cpu")).toHaveLength(1);
      expect(await third.profileTypes(HOUR)).toMatchObject([{ id: "cpu", period: { value: HIT } }]);
    });

    test("names that come late still name what came before", async () => {
      const first = await open();
      await sampled(first, minutes(1));
      const second = await reopen(first);
      expect(await byLabel(second, HOUR, "named")).toEqual({ false: HIT });
      await second.recordIdentity([named("cart-1", minutes(59))]);
      expect(await byLabel(second, HOUR, "pod")).toEqual({ "cart-1": HIT });
      expect(await byLabel(await reopen(second), HOUR, "pod")).toEqual({ "cart-1": HIT });
    });
  });
}
