import type { Telemetry } from "#telemetry";
import type { ApiClient } from "../access/api-client.ts";
import { JsonListParser } from "../decoding/list-parser.ts";
import { PodDecoder } from "../decoding/pod-decoder.ts";
import { ApiError, ApiFormatError, KubernetesConfigError } from "../errors.ts";
import type { KeyFilter, PodObject, ReflectorSink } from "../objects.ts";
import { PodPoller, type Polling } from "../polling/pod-poller.ts";
import { createKubeletClient } from "./kubelet-client.ts";
import type { KubeletSettings } from "./kubelet-settings.ts";

/** 500 pods, the most that kubelets were seen to run, of 128 KiB each; usual ones have 10 KiB. */
const MAX_LIST_BYTES = 64 << 20;
const PATH = "/pods";

export interface KubeletFollowSettings {
  readonly kubelet: KubeletSettings;
  /** Between polls when nobody asks for more. */
  readonly intervalMs: number;
  /** Labels and annotations that the sink will look at. */
  readonly keys: KeyFilter;
  readonly sink: ReflectorSink<PodObject>;
  readonly telemetry: Telemetry;
  /** Longest time a poll may take, for tests. */
  readonly timeoutMs?: number;
}

/** Follows the pods of one node as its kubelet tells them (`/pods`), see `PodPoller`. Starts at once. */
export function followKubelet(settings: KubeletFollowSettings): Polling {
  const reader = new KubeletReader(settings);
  const { kubelet, intervalMs, sink, telemetry, timeoutMs } = settings;
  const poller = new PodPoller({
    source: "kubelet",
    from: `the kubelet ${kubelet.endpoint}`,
    read: (signal) => reader.read(signal),
    sink,
    telemetry,
    intervalMs,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  return {
    state: () => poller.state(),
    refresh: () => poller.refresh(),
    async stop() {
      await poller.stop();
      reader.close();
    },
  };
}

class KubeletReader {
  readonly #settings: KubeletFollowSettings;
  readonly #decoder: PodDecoder;
  #client: ApiClient | undefined;

  constructor(settings: KubeletFollowSettings) {
    this.#settings = settings;
    this.#decoder = new PodDecoder(settings.keys);
  }

  async read(signal: AbortSignal): Promise<readonly PodObject[]> {
    const { kubelet, telemetry } = this.#settings;
    this.#client ??= await createKubeletClient(kubelet, telemetry);
    try {
      const { body } = await this.#client.get({ path: PATH, signal });
      const pods: PodObject[] = [];
      const parser = new JsonListParser((value) => {
        const pod = this.#decoder.fromJson(value);
        if (pod !== undefined) pods.push(pod);
      }, "Pod");
      let size = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_LIST_BYTES) throw new ApiFormatError(`${PATH} has more than ${MAX_LIST_BYTES} bytes`);
        parser.push(chunk);
      }
      parser.end();
      return pods;
    } catch (error) {
      if (!(error instanceof ApiError)) this.close();
      throw withRemedy(error);
    }
  }

  /** The next poll connects anew, and reads authority and credentials again. */
  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}

function withRemedy(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  const { code } = error.status;
  if (code === 403) {
    const remedy = "allow the service account get on nodes/pods (nodes/proxy before Kubernetes 1.33)";
    return new KubernetesConfigError(error.message, "kubelet", remedy, { cause: error });
  }
  if (code === 401) {
    const remedy = "the kubelet takes tokens only with authentication.webhook.enabled; see auth_type";
    return new KubernetesConfigError(error.message, "kubelet", remedy, { cause: error });
  }
  return error;
}
