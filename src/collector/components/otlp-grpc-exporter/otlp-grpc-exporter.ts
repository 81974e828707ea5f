import { EXPERIMENTAL_PROFILES_PATHS, type Payload, SIGNAL_PATHS } from "#otlp";
import { createGrpcClient } from "#transport";
import { type ComponentContext, OtlpExporter } from "#collector";
import type { OtlpGrpcExporterConfig } from "./config.ts";

/** Sends requests to the Export method of their signal: as they are, or profiles in the layout of `layout`. */
export function otlpGrpcExporter(context: ComponentContext, config: OtlpGrpcExporterConfig): OtlpExporter {
  const { client } = config;
  return new OtlpExporter(context, config, {
    endpoint: client.endpoint,
    connect: () => createGrpcClient(client, context),
    send: (payload, call) => call(methodOf(payload), payload.buffer),
  });
}

/** Requests of the experimental profiles service go on to it: its messages mean something else in the later one. */
function methodOf({ signal, origin }: Payload): string {
  return signal === "profiles" && origin.profilesService === "v1experimental"
    ? EXPERIMENTAL_PROFILES_PATHS.grpc
    : SIGNAL_PATHS[signal].grpc;
}
