import { expect, test } from "vitest";
import { Secret } from "#collector";
import { ValueHash } from "./value-hash.ts";

test("hashes are those of RFC 4231, cut to 128 bits", () => {
  // Test case 2: key "Jefe".
  expect(new ValueHash(new Secret("Jefe")).of("what do ya want for nothing?")).toBe("5bdcc146bf60754e6a042426089575c7");
});

test("in JSON keys are told apart and not given away", () => {
  const json = (key: string): string => JSON.stringify({ hash: new ValueHash(new Secret(key)) });
  expect(json("one")).toBe(json("one"));
  expect(json("one")).not.toBe(json("two"));
  expect(json("one")).not.toContain("one");
});
