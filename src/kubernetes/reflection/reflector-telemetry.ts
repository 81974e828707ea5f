import type { Counter, Gauge, Logger, Telemetry } from "#telemetry";
import { ApiError, ApiFormatError, KubernetesConfigError } from "../errors.ts";
import { describeMissingRight } from "./missing-right.ts";
import type { Resource } from "./resource.ts";

/** What a reflector counts and says: each failure counted, but told once until something changes. */
export class ReflectorTelemetry {
  readonly lists: Counter;
  readonly watches: Counter;
  readonly malformed: Counter;
  readonly objects: Gauge;
  readonly events: Readonly<Record<"added" | "modified" | "deleted" | "bookmark", Counter>>;
  readonly #relists: Counter;
  readonly #resource: Resource;
  readonly #namespace: string | undefined;
  readonly #telemetry: Telemetry;
  readonly #logger: Logger;
  /** Reason of the failure told last; empty when all is well. */
  #told = "";
  #sinkFailureTold = false;

  constructor(resource: Resource, namespace: string | undefined, telemetry: Telemetry) {
    const labels = { resource: resource.name };
    const { metrics } = telemetry;
    this.#resource = resource;
    this.#namespace = namespace;
    this.#telemetry = telemetry;
    this.#logger = telemetry.logger.child(labels);
    this.lists = metrics.counter("podflame_k8s_lists", { help: "Lists begun." }, labels);
    this.#relists = metrics.counter(
      "podflame_k8s_relists",
      { help: "Times a version was gone (410), so that everything had to be listed again." },
      labels,
    );
    this.watches = metrics.counter("podflame_k8s_watches", { help: "Watches begun." }, labels);
    this.malformed = metrics.counter(
      "podflame_k8s_malformed_objects",
      { help: "Objects that could be read in part at most." },
      labels,
    );
    this.objects = metrics.gauge(
      "podflame_k8s_objects",
      { help: "Objects that the API server has, as far as seen." },
      labels,
    );
    const event = (type: string): Counter =>
      metrics.counter("podflame_k8s_events", { help: "Events of watches, by type." }, { ...labels, type });
    this.events = {
      added: event("added"),
      modified: event("modified"),
      deleted: event("deleted"),
      bookmark: event("bookmark"),
    };
  }

  /** A list or watch failed; goes to the log when it is another failure than the one before. */
  failed(during: "list" | "watch", error: Error): void {
    const reason = reasonOf(error);
    this.#countError(reason);
    const key = `${during} ${reason}`;
    if (key === this.#told) return this.#logger.debug(`${during} failed again`, { error });
    this.#told = key;
    if (error instanceof ApiError && error.status.code === 403) {
      this.#logger.error(describeMissingRight(during, this.#resource, this.#namespace, error.status.message), {
        error,
      });
    } else if (error instanceof KubernetesConfigError) this.#logger.error(`${during} failed, trying again`, { error });
    else this.#logger.warn(`${during} failed, trying again`, { error });
  }

  /** The version is gone; not a fault of anybody. */
  expired(): void {
    this.#relists.add();
    this.#countError("expired");
    this.#logger.info("the version known is gone (410), listing again");
  }

  recovered(): void {
    if (this.#told === "") return;
    this.#told = "";
    this.#logger.info("the API server answers again");
  }

  /** The sink threw: a bug of ours, told with its stack once. */
  sinkFailed(error: unknown): void {
    this.#countError("sink");
    if (this.#sinkFailureTold) return;
    this.#sinkFailureTold = true;
    this.#logger.error("cannot take in an object; this is a bug", { error, stack: (error as Error)?.stack });
  }

  #countError(reason: string): void {
    const description = {
      help: "Lists and watches that failed, by reason: an HTTP status, an error code of the system.",
    };
    this.#telemetry.metrics
      .counter("podflame_k8s_errors", description, { resource: this.#resource.name, reason })
      .add();
  }
}

/** A word for an error that has few values. */
export function reasonOf(error: Error): string {
  if (error instanceof ApiError) return String(error.status.code);
  if (error instanceof ApiFormatError) return "format";
  if (error instanceof KubernetesConfigError) return "credentials";
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : "other";
}
