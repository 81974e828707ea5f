import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { exportMethod } from "./recording-sink.ts";
import { PATHS, type Signal } from "./signals.ts";

/** Sends a request with grpc-js. Rejects with the status when it isn't OK. */
export async function sendGrpc(
  port: number,
  signal: Signal,
  body: Uint8Array,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const method = exportMethod(signal);
  const headers = new Metadata();
  for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
  try {
    await new Promise<void>((settle, fail) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        Buffer.from(body),
        headers,
        { deadline: Date.now() + 15_000 },
        (error) => (error === null ? settle() : fail(error)),
      );
    });
  } finally {
    client.close();
  }
}

/** Posts protobuf (bytes) or JSON (text). Rejects on any status but 200. */
export async function sendHttp(port: number, signal: Signal, body: Uint8Array | string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${PATHS[signal].http}`, {
    method: "POST",
    headers: { "content-type": typeof body === "string" ? "application/json" : "application/x-protobuf" },
    body: typeof body === "string" ? body : Buffer.from(body),
    signal: AbortSignal.timeout(15_000),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`HTTP ${signal}: ${response.status} ${text}`);
}
