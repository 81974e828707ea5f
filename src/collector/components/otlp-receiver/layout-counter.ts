import type { detectLayout, Origin, Payload } from "#otlp";
import type { Counter, MetricRegistry } from "#telemetry";

/** Requests of a sender after which its layout is looked at again: a look costs up to 50 µs, and senders rarely change. */
const LOOK_EVERY = 64;

/** What is known of a sender: its counter, and how many requests go there before the next look. */
interface Sender {
  counter: Counter;
  left: number;
  lastLayout: string;
}

/**
 * Counts profiles requests by layout and peer in `podflame_receiver_profiles_requests`, so that it shows who still sends
 * what. A sender is a connection and a user agent. Requests without profiles count as `none`, those without a layout as
 * `unknown`: they are passed on, for what is sent on as bytes need not be read here.
 */
export class LayoutCounter {
  readonly #detect: typeof detectLayout;
  readonly #counterOf: (layout: string, peer: string) => Counter;
  readonly #senders = new WeakMap<Origin, Sender>();

  constructor(detect: typeof detectLayout, registry: MetricRegistry, receiver: string, transport: "grpc" | "http") {
    this.#detect = detect;
    this.#counterOf = (layout, peer) =>
      registry.counter(
        "podflame_receiver_profiles_requests",
        {
          help: "Profiles requests by the layout that they were recognized as; each sender is looked at now and then.",
        },
        { receiver, transport, layout, peer },
      );
  }

  count(payload: Payload): void {
    const { origin } = payload;
    let sender = this.#senders.get(origin);
    if (sender === undefined || sender.left === 0) {
      const layout = this.#layoutOf(payload, sender?.lastLayout);
      sender = { counter: this.#counterOf(layout, origin.peerAddress ?? ""), left: LOOK_EVERY, lastLayout: layout };
      this.#senders.set(origin, sender);
    }
    sender.left--;
    sender.counter.add();
  }

  #layoutOf({ bytes, origin }: Payload, before: string | undefined): string {
    const found = this.#detect(bytes, {
      ...(origin.profilesService !== undefined && { service: origin.profilesService }),
      ...(origin.profilesDevelopmentVersion !== undefined && { developmentVersion: origin.profilesDevelopmentVersion }),
      ...(origin.userAgent !== undefined && { userAgent: origin.userAgent }),
    });
    if (!("layout" in found)) return "unknown";
    return found.empty ? (before ?? "none") : found.layout;
  }
}
