import { describe, expect, test } from "vitest";
import { foldedOf } from "./answers.ts";
import type { SuiteContext } from "./conformance-suite.ts";
import { layoutVectors } from "./layout-vectors.ts";

/** When the vectors' samples were taken. */
const RECORDED = { from: 1_759_999_800_000, to: 1_760_000_400_000 } as const;

/** Every released layout of OTLP, as the encoders of its time wrote it. */
export function layoutSuite({ open, settle }: SuiteContext): void {
  const vectors = layoutVectors();

  describe("layouts", () => {
    test.for(vectors.filter(({ isMainCase, verdict }) => isMainCase && verdict === "ok"))(
      "$name is stored with the stacks and values that it holds",
      async ({ bytes, cpu }) => {
        const store = await open();
        const { samples, rejected } = await store.append({ bytes, receivedAt: RECORDED.from });
        await settle(store);
        expect(samples).toBeGreaterThan(0);
        expect(rejected).toEqual(new Map());
        expect(await foldedOf(store, RECORDED)).toEqual(cpu);
      },
    );

    test("odd requests are stored, found empty or refused, as they are", async () => {
      const store = await open();
      for (const { name, bytes, verdict } of vectors) {
        const append = store.append({ bytes, receivedAt: RECORDED.from });
        if (verdict === "unresolvable") await expect(append, name).rejects.toMatchObject({ kind: "invalid" });
        else expect((await append).samples, name).toBeGreaterThanOrEqual(0);
      }
      await settle(store);
    });
  });
}
