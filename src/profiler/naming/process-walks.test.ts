import { expect, test } from "vitest";
import { Process } from "../processes/index.ts";
import { PlayedSource } from "../testing/played-source.ts";
import { ProcessWalks } from "./process-walks.ts";

const program = (number: number, pid: number): Process =>
  new Process({ number, pid, startTimeNs: 1, comm: "node", isKernelThread: false, flush: 0 });

test("a walk goes with its program, but not with the one that the process ran before", () => {
  const source = new PlayedSource();
  const walks = new ProcessWalks(source);
  const [before, after] = [program(1, 42), program(2, 42)];
  walks.set(before, {});
  walks.set(after, {});
  walks.forget(before);
  expect([...source.walks.keys()]).toEqual([42]);
  walks.forget(after);
  expect([...source.walks.keys()]).toEqual([]);
});

test("a walk for which the kernel has no room is counted", () => {
  const source = new PlayedSource();
  source.setProcess = () => false;
  const walks = new ProcessWalks(source);
  walks.set(program(1, 42), {});
  expect(walks.refused).toBe(1);
});
