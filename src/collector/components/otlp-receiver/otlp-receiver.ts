import { type Component, type ComponentContext, type Consumer, ThrottledLog } from "#collector";
import {
  type detectLayout,
  EXPERIMENTAL_PROFILES_PATHS,
  loadLayoutDetection,
  SIGNAL_PATHS,
  SIGNALS,
  type Signal,
} from "#otlp";
import { createGrpcServer, createHttpServer, type GrpcHandler, type HttpHandler, type Server } from "#transport";
import type { OtlpReceiverConfig } from "./config.ts";
import { grpcHandler, httpErrorBody, httpHandler } from "./handlers.ts";
import { Intake, type IntakeRoute } from "./intake.ts";
import { LayoutCounter } from "./layout-counter.ts";
import { IntakeMetrics } from "./receiver-metrics.ts";

/** OTLP/gRPC and OTLP/HTTP servers for the signals that some pipeline wants; the others are unknown methods and 404. */
export class OtlpReceiver implements Component {
  readonly #context: ComponentContext;
  readonly #config: OtlpReceiverConfig;
  readonly #consumers: Readonly<Partial<Record<Signal, Consumer>>>;
  readonly #log: ThrottledLog;
  #grpc: Server | undefined;
  #http: Server | undefined;
  #detect: typeof detectLayout | undefined;
  #ended = false;

  constructor(
    context: ComponentContext,
    config: OtlpReceiverConfig,
    consumers: Readonly<Partial<Record<Signal, Consumer>>>,
  ) {
    this.#context = context;
    this.#config = config;
    this.#consumers = consumers;
    this.#log = new ThrottledLog(context.telemetry.logger, context.telemetry.clock);
  }

  /** Host and port in effect, of the protocols that are served. */
  get addresses(): { readonly grpc?: string; readonly http?: string } {
    return {
      ...(this.#grpc && { grpc: this.#grpc.address }),
      ...(this.#http && { http: this.#http.address }),
    };
  }

  async start(): Promise<void> {
    if (this.#ended) return;
    if (this.#consumers.profiles) this.#detect = (await loadLayoutDetection()).detectLayout;
    const { grpc, http } = this.#config;
    const { telemetry, buffers, id } = this.#context;
    const context = { telemetry, buffers, labels: { receiver: id.text } };
    try {
      if (grpc) {
        this.#grpc = createGrpcServer(grpc, this.#grpcHandlers(), context);
        await this.#grpc.listen();
      }
      if (http) {
        this.#http = createHttpServer(http.server, this.#httpHandlers(http.paths), context, httpErrorBody);
        await this.#http.listen();
      }
    } catch (error) {
      await this.shutdown(AbortSignal.abort());
      throw error;
    }
    telemetry.logger.info("listening for OTLP", this.addresses);
  }

  async shutdown(deadline: AbortSignal): Promise<void> {
    this.#ended = true;
    await Promise.all([this.#grpc?.close(deadline), this.#http?.close(deadline)]);
    this.#log.flush();
  }

  #grpcHandlers(): Map<string, GrpcHandler> {
    const handlers = new Map<string, GrpcHandler>();
    for (const signal of this.#signals()) {
      const path = SIGNAL_PATHS[signal].grpc;
      handlers.set(path, grpcHandler(this.#intake({ transport: "grpc", ...serviceOf(signal) })));
    }
    if (this.#consumers.profiles) {
      const route = { signal: "profiles", transport: "grpc", profilesService: "v1experimental" } as const;
      handlers.set(EXPERIMENTAL_PROFILES_PATHS.grpc, grpcHandler(this.#intake(route)));
    }
    return handlers;
  }

  #httpHandlers(paths: Readonly<Record<Signal, string>>): Map<string, HttpHandler> {
    const handlers = new Map<string, HttpHandler>();
    if (this.#consumers.profiles) {
      const route = { signal: "profiles", transport: "http", profilesService: "v1experimental" } as const;
      handlers.set(EXPERIMENTAL_PROFILES_PATHS.http, httpHandler(this.#intake(route)));
    }
    for (const signal of this.#signals()) {
      handlers.set(paths[signal], httpHandler(this.#intake({ transport: "http", ...serviceOf(signal) })));
    }
    return handlers;
  }

  #signals(): Signal[] {
    return SIGNALS.filter((signal) => this.#consumers[signal] !== undefined);
  }

  #intake(route: IntakeRoute): Intake {
    const { telemetry, buffers, id } = this.#context;
    const metrics = new IntakeMetrics(telemetry.metrics, id.text, route.transport, route.signal);
    const layouts =
      route.signal === "profiles" && this.#detect
        ? new LayoutCounter(this.#detect, telemetry.metrics, id.text, route.transport)
        : undefined;
    return new Intake(route, this.#consumers[route.signal]!, metrics, buffers, this.#log, layouts);
  }
}

function serviceOf(signal: Signal): Pick<IntakeRoute, "signal" | "profilesService"> {
  return signal === "profiles" ? { signal, profilesService: "v1development" } : { signal };
}
