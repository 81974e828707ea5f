import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canMakeCgroups, OwnCgroups } from "../../src/linux/proc/testing/own-cgroups.ts";
import { RecordKind } from "../../src/profiler/sampler/record.ts";
import { canSample, COMPILERS } from "../agent/harness/requirements.ts";
import { Compiled, Sampling, type CopiedRecord } from "./sampling.ts";

const here = canSample() && canMakeCgroups();
/** Of version 1, but not the memory controller's. */
const OTHER_HIERARCHY = "/sys/fs/cgroup/freezer";

describe.skipIf(!here)("cgroups as they come and go", () => {
  test.for([1, 2] as const)(
    "are told with their id, the one above and the name, in hierarchy %i",
    async (hierarchy) => {
      using cgroups = new OwnCgroups();
      const parent = cgroups.make(hierarchy, "/pod");
      using sampling = new Sampling();
      const long = "c".repeat(255);
      for (const name of ["container", "späti", long]) {
        const id = cgroups.make(hierarchy, `/pod/${name}`);
        cgroups.remove(hierarchy, `/pod/${name}`);
        const records = await sampling.collect(
          name,
          ({ cgroup }) => cgroup.id === id && cgroup.hierarchy === hierarchy,
          2,
        );
        expect(records.map(({ kind, cgroup }) => [kind, cgroup])).toEqual([
          [RecordKind.CgroupMade, { hierarchy, id, parent, name }],
          [RecordKind.CgroupRemoved, { hierarchy, id }],
        ]);
      }
    },
  );

  test.skipIf(!existsSync(OTHER_HIERARCHY))("of controllers that tell nothing of containers aren't told", async () => {
    using cgroups = new OwnCgroups();
    using sampling = new Sampling();
    const name = `podflame-test-${process.pid}`;
    mkdirSync(`${OTHER_HIERARCHY}/${name}`);
    rmdirSync(`${OTHER_HIERARCHY}/${name}`);
    const id = cgroups.make(2, "/after");
    await sampling.collect("another", ({ cgroup }) => cgroup.id === id, 1);
    expect(sampling.records.filter(({ cgroup }) => cgroup.name === name)).toEqual([]);
  });

  test.skipIf(!COMPILERS.c())("are told before their first sample", async () => {
    using compiled = new Compiled();
    using cgroups = new OwnCgroups();
    using program = await compiled.run("main");
    using sampling = new Sampling();
    const id = cgroups.make(2, "/container");
    cgroups.move(2, "/container", program.pid);
    const isSample = ({ kind, cgroupV2 }: CopiedRecord): boolean => kind === RecordKind.OnCpu && cgroupV2 === id;
    await sampling.collect("the container", isSample, 1);
    const { records } = sampling;
    const made = records.findIndex(({ kind, cgroup }) => kind === RecordKind.CgroupMade && cgroup.id === id);
    expect(made).toBeGreaterThanOrEqual(0);
    expect(made).toBeLessThan(records.findIndex(isSample));
  });
});
