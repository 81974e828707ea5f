/**
 * The user's credentials or kubeconfig can't be used: what failed, where it stands, and what to do. Never holds a
 * token, a password or a key.
 */
export class KubernetesConfigError extends Error {
  /** File, variable or setting at fault, e.g. `/root/.kube/config: users[1]`. */
  readonly where: string;
  readonly remedy: string;

  constructor(what: string, where: string, remedy: string, options?: ErrorOptions) {
    super(`${where}: ${what}; ${remedy}`, options);
    this.name = "KubernetesConfigError";
    this.where = where;
    this.remedy = remedy;
  }
}

/** What an API server says when it refuses: the parts of metav1.Status that matter here. */
export interface ApiStatus {
  /** HTTP status code. */
  readonly code: number;
  /** Machine-readable cause such as `Expired`, `Forbidden`; empty where the server gave none. */
  readonly reason: string;
  readonly message: string;
  /** Delay the server asks for (`Retry-After`, or details.retryAfterSeconds); undefined where it asks for none. */
  readonly retryAfterMs: number | undefined;
}

/** The API server answered with something else than success. */
export class ApiError extends Error {
  readonly status: ApiStatus;

  constructor(request: string, status: ApiStatus) {
    super(
      `${request}: ${status.code}${status.reason && ` ${status.reason}`}${status.message && `: ${status.message}`}`,
    );
    this.name = "ApiError";
    this.status = status;
  }
}

/** Bytes of the API server that can't be what it promised: cut off, wrong framing, over a limit. */
export class ApiFormatError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ApiFormatError";
  }
}
