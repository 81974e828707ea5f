import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { containerOfCgroup, ownerOfCgroup } from "./container-of-cgroup.ts";
import { parseProcessCgroups, placeOfProcess } from "./process-cgroups.ts";

const FIXTURES = join(import.meta.dirname, "../../../../testdata/cgroups");

interface Expected {
  readonly kind: string;
  readonly containerId?: string;
  readonly podUid?: string;
  readonly staticPodHash?: string;
  readonly runtime?: string;
  readonly outerId?: string;
  readonly namespace?: "inner";
  readonly source: string;
}

const expected = JSON.parse(readFileSync(join(FIXTURES, "expected.json"), "utf8")) as Record<string, Expected>;

describe("control groups of every runtime", () => {
  test("each fixture has its expectation, and the other way round", () => {
    const files = readdirSync(FIXTURES).filter((file) => file.endsWith(".cgroup"));
    expect(files.sort()).toEqual(
      Object.keys(expected)
        .map((name) => `${name}.cgroup`)
        .sort(),
    );
  });

  test.each(Object.entries(expected))("%s", (name, { source, namespace, ...rest }) => {
    const text = readFileSync(join(FIXTURES, `${name}.cgroup`), "utf8");
    const place = placeOfProcess(parseProcessCgroups(text), namespace !== "inner");
    const read = {
      kind: place?.kind ?? "none",
      containerId: place?.containerId,
      podUid: place?.podUid,
      staticPodHash: place?.staticPodHash,
      runtime: place?.runtime,
      outerId: place?.outer?.containerId,
    };
    expect(source).not.toBe("");
    expect(Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined))).toEqual(rest);
  });
});

const ID = "4d0ba22d3a6be1f6a4f3c4c40d5c0a6b1a3c0f5d9fbb6a1df40e2d4b7b4b3f11";
const OUTER = "9e8d7c6b5a4938271605f4e3d2c1b0a99f8e7d6c5b4a39281706f5e4d3c2b1a0";
const UID = "7c5c6a2e-3f0b-4a39-9c55-6a2b7d1f0e11";

describe("what is no container", () => {
  test.each([
    ["a digit less", `/docker/${ID.slice(1)}`],
    ["a digit more", `/docker/${ID}0`],
    ["capital letters", `/docker/${ID.toUpperCase()}`],
    ["an id inside a longer name", `/system.slice/docker-${ID}-x.scope`],
    ["an id behind a letter", `/x${ID}`],
    ["no path", ID],
    ["nothing", ""],
  ])("%s", (_, path) => {
    expect(containerOfCgroup(path)).toBeUndefined();
  });
});

test("the container's path ends where its cgroup does, whatever lies below", () => {
  expect(containerOfCgroup(`/kubepods/pod${UID}/${ID}/a/b`)?.path).toBe(`/kubepods/pod${UID}/${ID}`);
});

test("conmon in a node that is a container belongs to the node", () => {
  expect(containerOfCgroup(`/docker/${OUTER}/x/libpod-conmon-${ID}.scope`)?.containerId).toBe(OUTER);
});

test("a container that is nested has the one around it as its outer, with that one's pod", () => {
  const { container } = ownerOfCgroup(`/kubepods/pod${UID}/${OUTER}/docker/${ID}`);
  expect(container).toMatchObject({ containerId: ID, podUid: UID, outer: { containerId: OUTER, podUid: UID } });
});

const unit = fc.constantFrom(...Array.from("abcdef0123456789-_.:pod sliecrio"));
const nameOf = fc.string({ unit, minLength: 1, maxLength: 80 });

test("whatever children a container makes, as long as they don't look like containers or pods, it stays the same", () => {
  const child = nameOf.filter((name) => !/[0-9a-f]{32}/.test(name) && !/pod[0-9a-f]{8}/.test(name));
  fc.assert(
    fc.property(fc.array(child, { maxLength: 6 }), (children) => {
      const path = `/kubepods/pod${UID}/${ID}`;
      expect(containerOfCgroup([path, ...children].join("/"))).toEqual(containerOfCgroup(path));
    }),
  );
});

test("an id is only ever taken from the path, in the runtime's form", () => {
  fc.assert(
    fc.property(fc.array(nameOf, { maxLength: 8 }), (names) => {
      const path = `/${names.join("/")}`;
      for (let at = containerOfCgroup(path); at !== undefined; at = at.outer) {
        expect(path.startsWith(at.path)).toBe(true);
        expect(at.path.endsWith(at.containerId) || at.path.endsWith(`${at.containerId}.scope`)).toBe(true);
      }
    }),
  );
});

test("any text of /proc/PID/cgroup gives an answer", () => {
  const texts = Object.keys(expected).map((name) => readFileSync(join(FIXTURES, `${name}.cgroup`)));
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.array(fc.tuple(fc.nat(4096), fc.nat(255)), { maxLength: 8 }),
      fc.boolean(),
      (text, changes, isFirst) => {
        const bytes = Buffer.from(text);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        placeOfProcess(parseProcessCgroups(bytes.toString()), isFirst);
      },
    ),
    { numRuns: 2_000 },
  );
});
