import { expect, test } from "vitest";
import { describeProfileStore } from "../testing/conformance-suite.ts";
import { requestOf } from "../testing/requests.ts";
import { HOUR, minutes, START } from "../testing/suite-times.ts";
import { totalOf } from "../testing/answers.ts";
import { MemoryStore } from "./memory-store.ts";

describeProfileStore("store in memory", (options) => MemoryStore.open(options));

test("a store in memory that is full of samples rejects further ones and says so", async () => {
  const store = await MemoryStore.open({ maxSamples: 2 });
  const samples = [1, 2, 3].map((minute) => ({ stack: ["main"], time: minutes(minute) }));
  const bytes = await requestOf({ resource: { "container.id": "a".repeat(64) }, samples });
  const { samples: kept, rejected } = await store.append({ bytes, receivedAt: START });
  expect({ kept, rejected: [...rejected] }).toEqual({ kept: 2, rejected: [["samples_limit", 1]] });
  expect(await totalOf(store, HOUR)).toBe(100_000_000);
  await store.close();
});
