import { expect, test } from "vitest";
import { placeOfCgroup } from "#linux";
import { hintOfHost, type PlacedProcess } from "./container-on-host.ts";

const ID = "4d0ba22d3a6be1f6a4f3c4c40d5c0a6b1a3c0f5d9fbb6a1df40e2d4b7b4b3f11";
const UID = "7c5c6a2e-3f0b-4a39-9c55-6a2b7d1f0e11";

const inCgroup = (path: string, comm: string, pid = 7): PlacedProcess => ({ pid, comm, place: placeOfCgroup(path) });
const POD = `/kubepods/besteffort/pod${UID}/${ID}`;

test("tells containers of pods from those that aren't Kubernetes'", () => {
  expect(hintOfHost([inCgroup(POD, "node")])).toBe(
    `process 7 (node) of this machine is in it, and in the pod with uid ${UID}`,
  );
  expect(hintOfHost([inCgroup(`/docker/${ID}`, "node")])).toContain("a container that isn't Kubernetes'");
});

test("knows a sandbox by its only process", () => {
  expect(hintOfHost([inCgroup(POD, "pause")])).toContain(`the sandbox of the pod with uid ${UID}`);
  expect(hintOfHost([inCgroup(POD, "pause"), inCgroup(POD, "node", 8)])).not.toContain("sandbox");
});

test("knows nothing of what has no process here", () => {
  expect(hintOfHost([])).toBeUndefined();
});
