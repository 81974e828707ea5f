/**
 * Time that sampling adds to a CPU-bound program: the same work with the agent and without, in turns, and the difference
 * of each pair. The program has a CPU for itself; the agent runs where it likes.
 */
import { AgentProcess } from "../../test/agent/harness/agent-process.ts";
import type { Workloads } from "../../test/agent/harness/workloads.ts";
import { Program } from "../../test/peers/program.ts";
import { median } from "../figures.ts";

/** Pieces of work in each half of a pair, some 0.1 s each. */
const PIECES = 30;
const CPU = 1;

/** Percent of time added, one value for each pair; negative where the half with the agent was the faster one. */
export async function measureSlowdown(workloads: Workloads, frequencyHz: number, pairs: number): Promise<number[]> {
  const program = await workloads.build("pieces");
  const halfNs = async (): Promise<number> => {
    const output = await new Program("pieces", program, [String(PIECES)], { cpu: CPU }).done();
    return median(output.trim().split("\n").map(Number));
  };
  const withAgentNs = async (): Promise<number> => {
    await using agent = await AgentProcess.start({ command: "agent", receiver: { samples_per_second: frequencyHz } });
    await agent.firstSampleMs();
    return halfNs();
  };
  const added: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    // Which half is first alternates, so that a machine that slows down favours neither.
    let alone: number;
    let profiled: number;
    if (pair % 2 === 0) [alone, profiled] = [await halfNs(), await withAgentNs()];
    else [profiled, alone] = [await withAgentNs(), await halfNs()];
    added.push((profiled / alone - 1) * 100);
  }
  return added;
}
