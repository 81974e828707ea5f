import { describe, expect, test } from "vitest";
import { totalOf } from "./answers.ts";
import type { SuiteContext } from "./conformance-suite.ts";
import { requestOf } from "./requests.ts";
import { HOUR, minutes, START } from "./suite-times.ts";

const HIT = 50_000_000;

/** What has no room is refused, counted and told, and the rest is kept. */
export function limitSuite({ open, settle }: SuiteContext): void {
  const ofContainers = (count: number) =>
    requestOf(
      ...Array.from({ length: count }, (_, at) => ({
        resource: { "container.id": String(at).padStart(64, "0") },
        samples: [{ stack: ["main"], time: minutes(1) }],
      })),
    );

  describe("limits", () => {
    test("series beyond the limit are refused with a reason, those before are kept", async () => {
      const store = await open({ series: { series: 3 } });
      const receipt = await store.append({ bytes: await ofContainers(5), receivedAt: START });
      await settle(store);
      expect(receipt.samples).toBe(3);
      expect([...receipt.rejected.values()].reduce((sum, count) => sum + count, 0)).toBe(2);
      expect([...store.state().lost.values()].reduce((sum, count) => sum + count, 0)).toBe(2);
      expect(await totalOf(store, HOUR)).toBe(3 * HIT);
    });

    test("a full store goes on taking samples of series that it knows", async () => {
      const store = await open({ series: { series: 3 } });
      await store.append({ bytes: await ofContainers(3), receivedAt: START });
      await store.append({ bytes: await ofContainers(4), receivedAt: START });
      await settle(store);
      expect(await totalOf(store, HOUR)).toBe(6 * HIT);
    });

    test("a label with too many values makes no more series", async () => {
      const store = await open({ series: { labelValues: 10 } });
      const profiles = Array.from({ length: 30 }, (_, at) => ({
        resource: { "service.name": "s", "request.id": `r${at}` },
        samples: [{ stack: ["main"], time: minutes(1) }],
      }));
      const { samples, rejected } = await store.append({ bytes: await requestOf(...profiles), receivedAt: START });
      await settle(store);
      expect(samples).toBe(10);
      expect([...rejected.values()].reduce((sum, count) => sum + count, 0)).toBe(20);
      expect((await store.labelValues("request_id", [], HOUR, 100)).values).toHaveLength(10);
    });
  });
}
