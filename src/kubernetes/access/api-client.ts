import type { Readable } from "node:stream";

/** How to reach the API server, in the words of `auth_type`. */
export interface ApiClientSettings {
  /**
   * `serviceAccount`: as a pod; `kubeConfig`: as kubectl; `none`: address from KUBERNETES_SERVICE_HOST and _PORT,
   * no credentials and no verification of the server.
   */
  readonly authType: "serviceAccount" | "kubeConfig" | "none";
  /** Context of the kubeconfig; its current one by default. Only with `kubeConfig`. */
  readonly context?: string;
  /** The kubeconfig file; by default those of $KUBECONFIG, or ~/.kube/config. Only with `kubeConfig`. */
  readonly kubeConfigPath?: string;
  /** Requests a second that this client allows itself over time; default 5. */
  readonly qps?: number;
  /** Requests that may be sent at once after a pause; default 10. */
  readonly burst?: number;
  /** Environment to read instead of the process's, for tests. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folder of the mounted service account, for tests; /var/run/secrets/kubernetes.io/serviceaccount by default. */
  readonly serviceAccountDir?: string;
}

/** A GET, or a POST. */
export interface ApiRequest {
  /** Absolute path, e.g. `/api/v1/pods`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Media types in order of preference; `application/json` by default. */
  readonly accept?: string;
  /** What the request counts as in `podflame_k8s_requests`: list, watch, get or create. */
  readonly verb?: "get" | "list" | "watch" | "create";
  /** The next page of a list: not held back by the rate limit, for the pages of a list count as one request there. */
  readonly continuation?: boolean;
  readonly signal?: AbortSignal;
}

/** A successful answer; whoever asked reads `body` to its end or destroys it. */
export interface ApiResponse {
  /** Media type without parameters other than `stream`, lower case, e.g. `application/json`. */
  readonly contentType: string;
  readonly body: Readable;
  /** The server's clock when it answered, in milliseconds since the epoch, to the second; undefined if it doesn't say. */
  readonly serverTimeMs?: number | undefined;
}

/** A connection to one API server. Requests are paced by a token bucket; connections are kept. */
export interface ApiClient {
  /** The server's base URL, for people. Never holds credentials. */
  readonly server: string;
  /** Namespace of the kubeconfig's context or of the service account; undefined where none is given. */
  readonly namespace: string | undefined;
  /**
   * Sends a GET and resolves when the head of a success is there. Rejects with `ApiError` for any other status than
   * 2xx (401 only after the credentials were read again), with the signal's reason, or with the connection's error.
   */
  get(request: ApiRequest): Promise<ApiResponse>;
  /** Sends `object` as JSON in a POST; otherwise as `get`. For reviews, which ask for something and store nothing. */
  post(request: ApiRequest, object: unknown): Promise<ApiResponse>;
  /** Closes all connections; what is under way fails. */
  close(): void;
}
