import type { GrpcClientSettings } from "#transport";
import {
  checked,
  type ConfigIssue,
  defineConfig,
  GRPC_CLIENT_UNSUPPORTED,
  type GrpcClientKeys,
  grpcClientEntries,
  grpcClientProblems,
  grpcClientSettings,
  LAYOUT_CHOICES,
  mapped,
  oneOfReleases,
  optional,
  type OtlpExporterSettings,
  section,
  sendingEntries,
  sendingSettings,
  string,
  USER_AGENT,
} from "#collector";

/** What an `otlp_grpc` exporter works with. */
export interface OtlpGrpcExporterConfig extends OtlpExporterSettings {
  readonly client: GrpcClientSettings;
}

export const otlpGrpcExporterConfig = defineConfig<OtlpGrpcExporterConfig>(
  mapped(
    checked(
      section(
        {
          ...grpcClientEntries(),
          ...sendingEntries(),
          layout: optional(oneOfReleases(LAYOUT_CHOICES), "as_received"),
          auth: optional(section({ authenticator: string() })),
        },
        GRPC_CLIENT_UNSUPPORTED,
      ),
      (read) => [...grpcClientProblems(read), ...clearTextProblems(read)],
    ),
    (read) => ({
      client: { ...grpcClientSettings(read), userAgent: USER_AGENT },
      sending: sendingSettings(read),
      layout: read.layout,
      authenticator: read.auth?.authenticator,
    }),
  ),
);

const LOOPBACK = /^(dns:\/{2,3})?(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$|^unix:/;

/** Credentials in clear text are refused, as by grpc-go; only this machine may see them. */
function clearTextProblems(read: GrpcClientKeys & { readonly auth: object | undefined }): ConfigIssue[] {
  const endpoint = read.endpoint.replace(/^http:\/\//, "");
  if (!read.auth || grpcClientSettings(read).tls || LOOPBACK.test(endpoint)) return [];
  return [{ path: ["auth"], message: "sends a credential in clear text; use TLS (remove tls::insecure)" }];
}
