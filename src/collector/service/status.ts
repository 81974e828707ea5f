import { hostKey, type HostKey } from "../component.ts";

/** How far the running service is. */
export type ServiceState = "starting" | "ready" | "stopping";

/** What extensions may know of the service they run in. */
export interface ServiceStatus {
  readonly state: ServiceState;
  /** Wall-clock time of the last change to `ready`, in milliseconds since the epoch; undefined before it. */
  readonly readySinceMs: number | undefined;
}

/** The service's status; present in every host from the beginning. */
export const SERVICE_STATUS: HostKey<ServiceStatus> = hostKey<ServiceStatus>("service status");
