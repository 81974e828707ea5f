import { mkdirSync } from "node:fs";
import { peerProgram } from "../../test/peers/locations.ts";
import { Program } from "../../test/peers/program.ts";

/** What `loadgen drive` prints. Megabytes are 10^6 bytes of request bodies, before compression. */
export interface DriveReport {
  readonly mode: "closed" | "open";
  readonly seconds: number;
  readonly requests: number;
  readonly errors?: Readonly<Record<string, number>>;
  /** Open loop: requests that were due while the most allowed were in flight. */
  readonly notSent?: number;
  readonly mb: number;
  readonly mbPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly serverCpuSeconds?: number;
  readonly mbPerServerCpuSecond?: number;
  readonly serverRssMiB?: number;
  readonly serverPeakRssMiB?: number;
}

/** What `loadgen sink` prints when it ends. */
export interface SinkReport {
  readonly requests: number;
  readonly bytes: number;
  readonly resourcesWith?: number;
  readonly resourcesWithout?: number;
}

/** The form of the requests of one benchmark. */
export interface RequestShape {
  readonly name: "big" | "small";
  readonly requests: number;
  readonly resources: number;
  readonly bytes: number;
  readonly connections: number;
}

/** Writes prebuilt requests whose container ids are drawn from the first column of a file. */
export async function makeRequests(shape: RequestShape, idsFile: string, outFile: string): Promise<void> {
  const flags = {
    ids: idsFile,
    out: outFile,
    count: shape.requests,
    resources: shape.resources,
    bytes: shape.bytes,
  };
  await new Program("loadgen make", peerProgram("loadgen"), ["make", ...asFlags(flags)]).done();
}

export interface DriveOptions {
  readonly port: number;
  readonly requestsFile: string;
  readonly connections: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly gzip?: boolean;
  /** Requests a second; absent means a closed loop. */
  readonly rate?: number;
  /** The server whose CPU time and memory are read. */
  readonly pid?: number;
}

/**
 * Sends the requests of a file in turn, from the second one on. Rejects when a request was answered with an error, or,
 * in an open loop, was not sent when it was due.
 */
export async function drive(options: DriveOptions): Promise<DriveReport> {
  const flags = {
    endpoint: `127.0.0.1:${options.port}`,
    requests: options.requestsFile,
    conns: options.connections,
    duration: `${options.seconds}s`,
    warmup: `${options.warmupSeconds}s`,
    ...(options.gzip === true && { gzip: "true" }),
    // Whatever the server delays in five seconds may be in flight: the schedule is kept, and the delay is measured.
    ...(options.rate !== undefined && { rate: options.rate.toFixed(3), "in-flight": Math.ceil(options.rate * 5) }),
    ...(options.pid !== undefined && { pid: options.pid }),
  };
  const output = await new Program("loadgen drive", peerProgram("loadgen"), ["drive", ...asFlags(flags)]).done();
  const report = JSON.parse(output) as DriveReport;
  const errors = Object.entries(report.errors ?? {});
  if (errors.length > 0) {
    throw new Error(`requests failed: ${errors.map(([what, count]) => `${count} × ${what}`).join("; ")}`);
  }
  if (report.notSent !== undefined) throw new Error(`${report.notSent} requests were not sent when they were due`);
  return report;
}

/** A server that answers every export and counts. It can look into what arrives, which costs it as much as a server. */
export class Sink {
  readonly port: number;
  readonly #program: Program;

  private constructor(port: number, program: Program) {
    this.port = port;
    this.#program = program;
  }

  /** Counts requests and bytes only. */
  static async counting(port: number): Promise<Sink> {
    return Sink.#start(port, {});
  }

  /**
   * Decodes every request: keeps the first `most` as `request-NNNN.binpb` in a folder, and writes for each resource a
   * line `unix-ms container-id value-or--` of the attribute to a file.
   */
  static async inspecting(
    port: number,
    options: { attribute: string; logFile: string; folder: string; most: number },
  ): Promise<Sink> {
    mkdirSync(options.folder, { recursive: true });
    return Sink.#start(port, {
      attribute: options.attribute,
      log: options.logFile,
      dump: options.folder,
      "dump-most": options.most,
    });
  }

  static async #start(port: number, flags: Readonly<Record<string, string | number>>): Promise<Sink> {
    const args = ["sink", ...asFlags({ listen: `127.0.0.1:${port}`, ...flags })];
    const program = new Program("loadgen sink", peerProgram("loadgen"), args);
    await program.listening(port);
    return new Sink(port, program);
  }

  async stop(): Promise<SinkReport> {
    return JSON.parse(await this.#program.stop()) as SinkReport;
  }
}

function asFlags(flags: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(flags).map(([name, value]) => `-${name}=${value}`);
}
