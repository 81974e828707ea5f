import type { AttributeMap } from "#otlp";

/** Who some items belong to, as the table shows it. Empty where nothing is known. */
export interface Owner {
  readonly namespace: string;
  /** Its name; as long as that isn't known, the beginning of its uid in brackets. */
  readonly pod: string;
  /** Its name; as long as that isn't known, the beginning of its id. */
  readonly container: string;
  /** The service; outside of containers and services the executable. */
  readonly service: string;
  /** Whether the pod goes by its name. */
  readonly named: boolean;
}

/** Enough to find a container or pod with the tools that list them. */
const SHORT_ID = 12;
const SHORT_UID = 8;

/** Reads who a resource is. A container that nobody named goes by its id, and a process by its executable. */
export function ownerOf(attributes: AttributeMap): Owner {
  const text = (key: string): string => {
    const value = attributes.get(key);
    return typeof value === "string" ? value : "";
  };
  const pod = text("k8s.pod.name");
  const uid = text("k8s.pod.uid");
  return {
    namespace: text("k8s.namespace.name"),
    pod: pod || (uid && `(${uid.slice(0, SHORT_UID)}…)`),
    container: text("k8s.container.name") || text("container.id").slice(0, SHORT_ID),
    service: text("service.name") || text("process.executable.name"),
    named: pod !== "",
  };
}
