/** What Pyroscope's clients list everything by; OpenTelemetry's `service.name`. */
export const SERVICE_LABEL = "service_name";

/**
 * What stands for a service where nobody named one, most telling first. Grafana lists what it knows by service, so that
 * what has none would be nowhere.
 */
const INSTEAD = ["workload_name", "container", "process_executable_name", "host_name"] as const;
/** As OpenTelemetry calls services that say nothing. */
const UNKNOWN = "unknown_service";

/** The service that a series is of, told or not. */
export function serviceOf(labels: ReadonlyMap<string, string>): string {
  const told = labels.get(SERVICE_LABEL);
  if (told !== undefined && told !== "" && !told.startsWith(UNKNOWN)) return told;
  for (const name of INSTEAD) {
    const value = labels.get(name);
    if (value !== undefined && value !== "") return value;
  }
  return told ?? UNKNOWN;
}
