import type { Payload } from "#otlp";
import type { Counter, Telemetry } from "#telemetry";
import type { Consumer } from "../component.ts";
import type { ComponentId } from "../component-id.ts";
import type { ComponentKind } from "../catalog.ts";
import { ConsumeError, errorFrom } from "../errors.ts";

/** A bug may strike with every request; its stack is worth a line now and then. */
const LOG_EVERY_MS = 10_000;

/**
 * The border around a component's `consume`: what isn't a `ConsumeError` is a bug of that component, which is counted,
 * logged with its stack, and answered with "try again"; the process goes on.
 */
export class Guard implements Consumer {
  readonly #inner: Consumer;
  readonly #label: string;
  readonly #telemetry: Telemetry;
  readonly #bugs: Counter;
  #inFlight = 0;
  #lastLoggedMs = -Infinity;
  readonly #settled = (): void => {
    this.#inFlight--;
  };
  readonly #refused = (caught: unknown): never => {
    this.#inFlight--;
    throw caught instanceof ConsumeError ? caught : this.#bug(errorFrom(caught));
  };

  constructor(inner: Consumer, kind: ComponentKind, id: ComponentId, telemetry: Telemetry) {
    this.#inner = inner;
    this.#label = `${kind} ${id.text}`;
    this.#telemetry = telemetry;
    this.#bugs = telemetry.metrics.counter(
      "podflame_component_bugs",
      { help: "Errors at a component's border that nobody expected." },
      { kind, component: id.text },
    );
  }

  /** Payloads that were handed over and not answered yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  consume(payload: Payload): Promise<void> {
    this.#inFlight++;
    try {
      return this.#inner.consume(payload).then(this.#settled, this.#refused);
    } catch (caught) {
      this.#inFlight--;
      return Promise.reject(caught instanceof ConsumeError ? caught : this.#bug(errorFrom(caught)));
    }
  }

  #bug(error: Error): ConsumeError {
    this.#bugs.add();
    const now = this.#telemetry.clock.monotonicMs();
    if (now - this.#lastLoggedMs >= LOG_EVERY_MS) {
      this.#lastLoggedMs = now;
      this.#telemetry.logger.error(`bug in ${this.#label}; the sender is asked to try again`, {
        error,
        stack: error.stack,
        count: this.#bugs.value,
      });
    }
    return ConsumeError.unavailable(`${this.#label} failed unexpectedly`, undefined, { cause: error });
  }
}
