import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bareContainerId } from "./container-index.ts";

const ID = "3469834d5ff34e2c1fa1e2b8e0a1b0f4c4b5a697887766554433221100ffeedd";
const SHORT = "0123456789abcdef0123456789abcdef";
const UID = "f2b3c4d5-0000-4000-8000-0123456789ab";

/** The same rules on strings, as simple as they can be written. */
function reference(text: string): string | undefined {
  const rest = text.replace(/^[^/]*?:\/\//, "");
  for (const segment of rest.split("/").reverse()) {
    const match = /^((?:.*[-:])?)([0-9a-f]{64}|[0-9a-f]{32}(?:-[0-9]+)?)(?:\.scope)?$/is.exec(segment);
    if (match?.[1]!.endsWith("conmon-")) return undefined;
    if (match) return match[2]!.toLowerCase();
  }
  if (rest.includes("/") || rest === "") return undefined;
  return /conmon-[0-9a-f]*(?:\.scope)?$/i.test(rest) ? undefined : rest;
}

describe("a container id is found in", () => {
  test.each([
    ["the bare form", ID],
    ["upper case", ID.toUpperCase()],
    ["containerd's form", `containerd://${ID}`],
    ["Docker's form", `docker://${ID}`],
    ["CRI-O's form", `cri-o://${ID}`],
    ["Podman's form", `podman://${ID}`],
    [
      "containerd's scope",
      `/kubepods.slice/kubepods-burstable-pod${UID.replaceAll("-", "_")}.slice/cri-containerd-${ID}.scope`,
    ],
    ["the cgroupfs driver's path", `/kubepods/besteffort/pod${UID}/${ID}`],
    ["Docker's scope", `/system.slice/docker-${ID}.scope`],
    ["Docker's scope with a child", `/system.slice/docker-${ID}.scope/init`],
    ["CRI-O's scope", `/kubepods.slice/crio-${ID}.scope`],
    ["CRI-O's scope with a child", `/kubepods.slice/crio-${ID}.scope/container`],
    ["CRI-O without scope", `/kubepods/crio-${ID}`],
    ["Podman's scope", `/machine.slice/libpod-${ID}.scope/container`],
    ["a path below systemd on cgroup v1", `/kubepods-besteffort-pod1.slice:cri-containerd:${ID}`],
    ["what systemd in the container made", `/docker/${ID}/system.slice/foo-1.service`],
    ["the name of a scope alone", `cri-containerd-${ID}.scope`],
    ["a line of /proc/1/cgroup", `12:memory:/docker/${ID}`],
    ["a nested path: the innermost", `/docker/${"a".repeat(64)}/kubelet/kubepods/pod${UID}/${ID}`],
  ])("%s", (_, text) => expect(bareContainerId(text)).toBe(ID));

  test.each([
    ["32 digits", SHORT, SHORT],
    ["an ECS task's path", `/ecs/${SHORT}/${SHORT}-1234567890`, `${SHORT}-1234567890`],
    ["anything without slashes", "containerd://my-container", "my-container"],
  ])("%s", (_, text, id) => expect(bareContainerId(text)).toBe(id));
});

describe("no container id is in", () => {
  test.each([
    ["nothing", ""],
    ["a scheme alone", "containerd://"],
    ["the root cgroup", "/"],
    ["a unit of the node", "/system.slice/kubelet.service"],
    ["a pod's own cgroup", `/kubepods/besteffort/pod${UID}`],
    ["a static pod's own cgroup", `/kubepods/besteffort/pod${SHORT}`],
    ["CRI-O's monitor", `/kubepods.slice/crio-conmon-${ID}.scope`],
    ["CRI-O's monitor by name alone", `crio-conmon-${ID}.scope`],
    ["one digit too many", `/docker/a${ID}`],
  ])("%s", (_, text) => expect(bareContainerId(text)).toBeUndefined());
});

test("bytes and strings give the same id for any text", () => {
  const hex = (length: number): fc.Arbitrary<string> =>
    fc
      .array(fc.constantFrom(..."0123456789abcdefABCDEF".split("")), { minLength: length, maxLength: length })
      .map((d) => d.join(""));
  const piece = fc.oneof(
    { weight: 4, arbitrary: hex(64) },
    { weight: 2, arbitrary: hex(32) },
    hex(31),
    hex(65),
    fc.constantFrom(
      "/",
      "/",
      "/",
      "-",
      ":",
      "://",
      ".scope",
      "docker",
      "crio-",
      "crio-conmon-",
      "pod",
      "123",
      "é",
      "\n",
    ),
  );
  const text = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(text, (candidate) => {
      const expected = reference(candidate);
      // Texts that are no runtime's are compared as bytes: the index keeps them byte for byte.
      expect(bareContainerId(candidate)).toBe(
        expected === undefined ? undefined : Buffer.from(expected).toString("latin1"),
      );
    }),
    { numRuns: 3000 },
  );
});
