import { describe, expect, test } from "vitest";
import { containerNamed, containersOfPod, type RunningContainer } from "./targets.ts";

const UID = "6ffbc8f0-6fd4-4e39-9f6c-4c0f1a0a7a11";
const RUNNING: readonly RunningContainer[] = [
  { id: "3f2a91".padEnd(64, "0"), podUid: UID },
  { id: "3f2ac4".padEnd(64, "1"), podUid: undefined },
  { id: "77aa10".padEnd(64, "2"), podUid: UID },
];

describe("--container", () => {
  test.each([
    ["the beginning of an id", "3f2a9"],
    ["a whole id", RUNNING[0]!.id],
    ["an id as Kubernetes spells it", `containerd://${RUNNING[0]!.id}`],
    ["capitals", "3F2A9"],
  ])("takes %s", (_, word) => {
    expect(containerNamed(word, RUNNING)).toBe(RUNNING[0]);
  });

  test.each([
    ["3f2a", /several begin so: 3f2a91000000, 3f2ac4111111; type more of it/],
    ["abcd", /no running container has that id; here run 3f2a91000000, 3f2ac4111111, 77aa10222222/],
    ["3f2", /at least the first 4 digits/],
    ["web", /expected an id/],
  ])("refuses %s and says what there is", (word, message) => {
    expect(() => containerNamed(word, RUNNING)).toThrow(message);
  });

  test("says so where nothing runs in containers", () => {
    expect(() => containerNamed("abcd", [])).toThrow(/no container runs here/);
  });
});

describe("--pod", () => {
  test("takes a uid without asking anybody", async () => {
    expect(await containersOfPod(UID.toUpperCase(), RUNNING)).toEqual([RUNNING[0], RUNNING[2]]);
  });

  test("says so where the pod runs on another node", async () => {
    await expect(containersOfPod(UID, [])).rejects.toThrow(`--pod ${UID}: none of its containers runs on this node`);
  });

  test.each(["web", "shop/", "/web", "shop/web/app"])("refuses %s, which names no pod", async (word) => {
    await expect(containersOfPod(word, RUNNING)).rejects.toThrow("expected NAMESPACE/NAME, or the pod's uid");
  });
});
