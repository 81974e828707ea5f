/** Receives all signals over OTLP/gRPC and OTLP/HTTP. */
import type { ReceiverFactory } from "#collector";
import { otlpReceiverConfig, type OtlpReceiverConfig } from "./config.ts";
import { OtlpReceiver } from "./otlp-receiver.ts";

export const otlpReceiverFactory: ReceiverFactory<OtlpReceiverConfig> = {
  kind: "receiver",
  type: "otlp",
  stability: { traces: "stable", metrics: "stable", logs: "stable", profiles: "alpha" },
  config: otlpReceiverConfig,
  create: (context, config, consumers) => new OtlpReceiver(context, config, consumers),
};
