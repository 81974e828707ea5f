/** OTLP requests as bytes. Start with `Payload`. */
export { INTERNAL_ORIGIN, Payload, SIGNALS, type Origin, type Signal } from "./payload.ts";
