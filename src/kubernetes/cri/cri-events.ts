import type { Counter, Telemetry } from "#telemetry";
import type { PodPoller } from "../polling/pod-poller.ts";
import { EMPTY_REQUEST } from "./cri-messages.ts";
import type { CriConnection } from "./follow-cri.ts";

const METHOD = "/runtime.v1.RuntimeService/GetContainerEvents";
/** `UNIMPLEMENTED`. */
const NO_SUCH_METHOD = "grpc_12";
/** Runtimes are upgraded beneath us, seldom. */
const UNKNOWN_METHOD_AGAIN_MS = 600_000;
const FIRST_BACK_OFF_MS = 1_000;
const MAX_BACK_OFF_MS = 60_000;

/**
 * Listens to a runtime's container events (created, started, stopped, deleted) and has its lists read after each. What an
 * event says isn't looked at: lists say the same and more, and can't come in a wrong order. A runtime that answers but tells
 * nothing (CRI-O with its events switched off) counts as one that tells only once its first event has come.
 */
export class CriEvents {
  readonly #connection: CriConnection;
  readonly #poller: PodPoller;
  readonly #telemetry: Telemetry;
  readonly #events: Counter;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;

  /** Starts at once. */
  constructor(connection: CriConnection, poller: PodPoller, telemetry: Telemetry) {
    this.#connection = connection;
    this.#poller = poller;
    this.#telemetry = telemetry;
    this.#events = telemetry.metrics.counter("podflame_k8s_cri_events", {
      help: "Events that the container runtime told of.",
    });
    this.#ended = this.#run();
  }

  /** Resolves when the poller hears nothing from here any more. */
  stop(): Promise<void> {
    this.#stopping.abort(new Error("the runtime isn't followed any more"));
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#telemetry;
    const { signal } = this.#stopping;
    let failures = 0;
    let isKnownToLack = false;
    while (!signal.aborted) {
      let heard = false;
      const onMessage = (): void => {
        this.#events.add();
        if (!heard) this.#poller.isTold = true;
        heard = true;
        this.#poller.changed();
      };
      const error = await this.#connection.follow(METHOD, EMPTY_REQUEST, onMessage, signal);
      if (signal.aborted) return;
      // Nothing tells what happened since the last event.
      if (heard) this.#poller.changed();
      this.#poller.isTold = false;
      failures = heard ? 0 : failures + 1;
      const lacksMethod = error.code === NO_SUCH_METHOD;
      if (lacksMethod && !isKnownToLack) logger.info("the container runtime has no stream of events: it is polled");
      isKnownToLack = lacksMethod;
      logger.debug("container events ended", { error });
      // Rejects only when stopped, and then the loop ends.
      await clock.sleep(lacksMethod ? UNKNOWN_METHOD_AGAIN_MS : backOffMs(failures), signal).catch(() => undefined);
    }
  }
}

function backOffMs(failures: number): number {
  return Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** Math.min(failures, 30));
}
