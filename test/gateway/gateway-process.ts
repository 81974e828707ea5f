import { freePorts } from "../free-ports.ts";
import { answerOf, pageOf, Podflame } from "../cli/podflame.ts";

/** Ports that a gateway listens on. */
export interface GatewayPorts {
  readonly grpc: number;
  readonly http: number;
}

/** `podflame gateway` on ports of its own. */
export class GatewayProcess {
  readonly process: Podflame;
  readonly ports: GatewayPorts;
  readonly page: string;

  private constructor(process: Podflame, ports: GatewayPorts, page: string) {
    this.process = process;
    this.ports = ports;
    this.page = page;
  }

  /**
   * Starts it and waits until it takes requests.
   * @param data folder of its store
   * @param args further words of the command line
   * @param ports of an earlier one; default: any that are free
   */
  static async start(data: string, args: readonly string[] = [], ports?: GatewayPorts): Promise<GatewayProcess> {
    const [grpc, http] = ports === undefined ? await freePorts(2) : [ports.grpc, ports.http];
    const values = {
      "extensions::ui::endpoint": "127.0.0.1:0",
      "extensions::health_check::endpoint": "127.0.0.1:0",
      "receivers::otlp::protocols::grpc::endpoint": `127.0.0.1:${grpc}`,
      "receivers::otlp::protocols::http::endpoint": `127.0.0.1:${http}`,
      "service::telemetry::metrics::level": "none",
    };
    const sets = Object.entries(values).flatMap(([path, value]) => ["--set", `${path}=${value}`]);
    const env = { KUBECONFIG: "/dev/null/none", KUBERNETES_SERVICE_HOST: "" };
    const process = new Podflame(["gateway", "--data", data, ...sets, ...args], { env });
    const page = await pageOf(process);
    await process.shows("stderr", /everything is ready/);
    return new GatewayProcess(process, { grpc: grpc!, http: http! }, page);
  }

  /** What the API answers as JSON. */
  ask(path: string): Promise<unknown> {
    return answerOf(this.page, path);
  }

  /** What the API answers as text. */
  async text(path: string): Promise<string> {
    return (await fetch(new URL(`api/v1/${path}`, this.page))).text();
  }

  /** As a lost machine would end it. */
  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.ended;
  }

  /** As its user ends it. Returns the exit code and what it said. */
  async stop(): Promise<{ code: number | null; stderr: string }> {
    this.process.kill("SIGTERM");
    return this.process.ended;
  }
}
