import type { Gauge, Logger, Telemetry } from "#telemetry";
import { reasonOf } from "../reflection/reflector-telemetry.ts";

/** What a poller says of itself: counts by outcome, and a line in the log when the outcome becomes another. */
export class PollTelemetry {
  readonly #source: string;
  readonly #telemetry: Telemetry;
  readonly #logger: Logger;
  readonly #up: Gauge;
  readonly #pods: Gauge;
  /** Reason of the failure told last; empty when all is well. */
  #told = "";

  constructor(source: string, telemetry: Telemetry) {
    this.#source = source;
    this.#telemetry = telemetry;
    this.#logger = telemetry.logger.child({ source });
    const labels = { source };
    const { metrics } = telemetry;
    this.#up = metrics.gauge("podflame_k8s_poll_up", { help: "1 while the last poll went well." }, labels);
    this.#pods = metrics.gauge(
      "podflame_k8s_poll_pods",
      { help: "Pods that the last poll that went well told of." },
      labels,
    );
  }

  /** @param pods how many there are; undefined for as many as before */
  wentWell(pods: number | undefined): void {
    this.#count("ok");
    this.#up.set(1);
    if (pods !== undefined) this.#pods.set(pods);
    if (this.#told === "") return;
    this.#told = "";
    this.#logger.info("the source of pods answers again");
  }

  failed(error: Error): void {
    const reason = reasonOf(error);
    this.#count(reason);
    this.#up.set(0);
    if (reason === this.#told) return this.#logger.debug("poll failed again", { error });
    this.#told = reason;
    this.#logger.warn("cannot learn of pods, going on with what is known and trying again", { error });
  }

  stopped(): void {
    this.#up.set(0);
    this.#pods.set(0);
  }

  #count(result: string): void {
    const help = "Polls of a source of pods, by result: ok, an HTTP status, an error code of the system.";
    this.#telemetry.metrics.counter("podflame_k8s_polls", { help }, { source: this.#source, result }).add();
  }
}
