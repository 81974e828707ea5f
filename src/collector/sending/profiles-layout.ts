import {
  type ConvertedRequest,
  type DetectionPrior,
  type Layout,
  type Layouts,
  loadLayouts,
  type Origin,
  ParseError,
  Payload,
  PROFILES_DEVELOPMENT_VERSION,
  type WritableLayout,
} from "#otlp";
import type { MessageBuffer } from "#wire";
import type { ComponentContext } from "../component.ts";
import { SENT, type SendOutcome } from "./outcome.ts";
import { ThrottledLog } from "./throttled-log.ts";

/** Values of an exporter's `layout`: releases of opentelemetry-proto by whose tables profiles are written. */
export const LAYOUT_CHOICES = ["as_received", "auto", "1.7", "1.8", "1.9", "1.10"] as const;
export type LayoutChoice = (typeof LAYOUT_CHOICES)[number];

const LAYOUT_OF: Readonly<Record<Exclude<LayoutChoice, "as_received">, WritableLayout>> = {
  auto: "D10",
  "1.10": "D10",
  "1.9": "D9",
  "1.8": "D8",
  "1.7": "D7",
};

/** What people call a layout: its first release. */
const RELEASE_OF: Readonly<Record<Layout, string>> = {
  D10: "1.10",
  D9: "1.9",
  D8: "1.8",
  D7: "1.7",
  D6: "1.6",
  D5: "1.5",
  D4: "1.4",
  E: "1.3",
};

/** Where `auto` goes from a layout that the receiving end could not read. */
const OLDER: Readonly<Partial<Record<WritableLayout, WritableLayout>>> = { D10: "D9", D9: "D8", D8: "D7" };

/** How decoders of all kinds call bytes of another layout: Go's (`wrong wireType = 2 for field …`), prost's, Java's. */
const UNREADABLE =
  /wire.?type|unmarshal|invalid varint|illegal tag|unexpected eof|protocol message|failed to decode|cannot parse/i;
/** Fields of 1.7 that bytes of later releases collide with: the receiving end is that old. */
const FIELDS_OF_17 = /location_?indices|time_?nanos|duration_?nanos|locations_?(start|length)|default_?sample_?type/i;
const UNIMPLEMENTED = /^gRPC status UNIMPLEMENTED/;

/** One attempt to send a payload as it is. */
export type Attempt = (payload: Payload) => Promise<SendOutcome>;

/**
 * Writes profiles in the layout that an exporter's receiving end reads. With `auto` that is the newest until the
 * receiving end says that it cannot read it: then the request is sent once more in an older one, which is remembered
 * for as long as the exporter lives. Other signals pass, as do profiles that are in the wanted layout already.
 */
export class ProfilesLayout {
  readonly #context: ComponentContext;
  readonly #choice: LayoutChoice;
  readonly #endpoint: string;
  readonly #log: ThrottledLog;
  #layout: WritableLayout;
  /** All layouts that `auto` knows have failed: it stays with the newest and is not told again. */
  #exhausted = false;
  #converter: Layouts | undefined;

  /** @param endpoint for the log */
  constructor(context: ComponentContext, choice: LayoutChoice, endpoint: string) {
    this.#context = context;
    this.#choice = choice;
    this.#endpoint = endpoint;
    this.#layout = choice === "as_received" ? "D10" : LAYOUT_OF[choice];
    this.#log = new ThrottledLog(context.telemetry.logger, context.telemetry.clock);
  }

  /** Sends by `attempt`, with profiles converted. Profiles that cannot be read are a permanent failure. */
  async send(payload: Payload, attempt: Attempt): Promise<SendOutcome> {
    if (this.#choice === "as_received" || payload.signal !== "profiles") return attempt(payload);
    this.#converter ??= await loadLayouts();
    const tried = this.#layout;
    const outcome = await this.#sendAs(payload, tried, this.#converter, attempt);
    const next = this.#choice === "auto" ? nextLayout(tried, outcome) : undefined;
    if (next === undefined) return outcome;
    return this.#fallBack(payload, tried, next, outcome, attempt);
  }

  /** Says what was not yet told. */
  close(): void {
    this.#log.flush();
  }

  async #fallBack(
    payload: Payload,
    tried: WritableLayout,
    next: WritableLayout | "none",
    first: SendOutcome,
    attempt: Attempt,
  ): Promise<SendOutcome> {
    if (next === "none") {
      this.#giveUp(first);
      return first;
    }
    const second = await this.#sendAs(payload, next, this.#converter!, attempt);
    const further = nextLayout(next, second);
    if (further === "none") {
      this.#giveUp(second);
      return second;
    }
    // Requests that were under way together fall back together: only the first tells.
    if (this.#layout === tried) this.#remember(further ?? next, first);
    // The layout after the next one has its turn with the queue's next attempt.
    return further === undefined ? second : { ...second, kind: "retryable", message: messageOf(second) };
  }

  #remember(layout: WritableLayout, because: SendOutcome): void {
    const fields = {
      endpoint: this.#endpoint,
      from: RELEASE_OF[this.#layout],
      to: RELEASE_OF[layout],
      reason: messageOf(because),
    };
    this.#layout = layout;
    this.#context.telemetry.logger.warn(
      "receiving end does not read this layout of profiles, sends an older one",
      fields,
    );
  }

  #giveUp(because: SendOutcome): void {
    this.#layout = LAYOUT_OF.auto;
    if (this.#exhausted) return;
    this.#exhausted = true;
    const fields = { endpoint: this.#endpoint, reason: messageOf(because) };
    this.#context.telemetry.logger.error("receiving end reads no layout of profiles that can be sent", fields);
  }

  async #sendAs(payload: Payload, layout: WritableLayout, converter: Layouts, attempt: Attempt): Promise<SendOutcome> {
    const converted = converter.convertRequest(payload.bytes, layout, { prior: priorOf(payload.origin) });
    if (converted instanceof ParseError) {
      return {
        kind: "permanent",
        message: `profiles cannot be converted to ${RELEASE_OF[layout]}: ${converted.message}`,
      };
    }
    // Envelopes without profiles are not passed on.
    if (converted.bytes.length === 0) return SENT;
    const buffer = this.#bufferOf(payload, converted, layout);
    try {
      return await attempt(new Payload("profiles", buffer, originOf(payload.origin, layout), payload.items));
    } finally {
      buffer.release();
    }
  }

  #bufferOf(payload: Payload, { bytes, from, losses }: ConvertedRequest, layout: WritableLayout): MessageBuffer {
    if (bytes === payload.bytes) return payload.buffer.retain();
    const { metrics } = this.#context.telemetry;
    const exporter = this.#context.id.text;
    const help = "Profiles requests that were written in another layout than they came in.";
    metrics
      .counter(
        "podflame_exporter_converted_requests",
        { help },
        { exporter, from: RELEASE_OF[from], to: RELEASE_OF[layout] },
      )
      .add();
    for (const { kind, count } of losses) {
      const about = "What conversions of profiles could not carry over, by kind; see docs/layouts.md.";
      metrics.counter("podflame_exporter_conversion_losses", { help: about }, { exporter, kind }).add(count);
    }
    const first = losses[0];
    if (first) {
      const fields = {
        from: RELEASE_OF[from],
        to: RELEASE_OF[layout],
        kind: first.kind,
        count: first.count,
        place: first.place,
        kinds: losses.length,
      };
      this.#log.tell("warn", "losses", "profiles lost something in another layout", fields, 0);
    }
    return this.#context.buffers.copyOf(bytes);
  }
}

/** Undefined: the outcome says nothing about the layout. */
function nextLayout(tried: WritableLayout, outcome: SendOutcome): WritableLayout | "none" | undefined {
  if (outcome.kind !== "permanent") return undefined;
  // The service of today is not there: that of 2024 may be.
  if (UNIMPLEMENTED.test(outcome.message)) return tried === "E" ? "none" : "E";
  if (!UNREADABLE.test(outcome.message)) return undefined;
  if (tried !== "D7" && tried !== "E" && FIELDS_OF_17.test(outcome.message)) return "D7";
  return OLDER[tried] ?? "none";
}

function messageOf(outcome: SendOutcome): string {
  return outcome.kind === "sent" ? "" : outcome.message;
}

function priorOf({ profilesService, profilesDevelopmentVersion, userAgent }: Origin): DetectionPrior {
  return {
    ...(profilesService !== undefined && { service: profilesService }),
    ...(profilesDevelopmentVersion !== undefined && { developmentVersion: profilesDevelopmentVersion }),
    ...(userAgent !== undefined && { userAgent }),
  };
}

/** The service and the schema version that go with the layout; the version stands for the newest one only. */
function originOf({ protocol, peerAddress, userAgent }: Origin, layout: WritableLayout): Origin {
  return {
    protocol,
    ...(peerAddress !== undefined && { peerAddress }),
    ...(userAgent !== undefined && { userAgent }),
    profilesService: layout === "E" ? "v1experimental" : "v1development",
    ...(layout === "D10" && { profilesDevelopmentVersion: PROFILES_DEVELOPMENT_VERSION }),
  };
}
