import { type ComponentContext, hostKey } from "#collector";
import type { UnresolvedKeys } from "#identity";
import type { AttributeMap, Payload } from "#otlp";

/** Says why a processor didn't name a resource, in a line; undefined where none failed to. */
export type WhyUnnamed = (attributes: AttributeMap, payload: Payload) => string | undefined;

/** Asks those who name resources in this process. Loads what it takes only now. */
export async function whyUnnamed({ host, telemetry }: ComponentContext): Promise<WhyUnnamed> {
  const { UNRESOLVED_KEYS_SERVICE, UnresolvedKeys: Keys } = await import("#identity");
  const keys = host.service<UnresolvedKeys>(hostKey(UNRESOLVED_KEYS_SERVICE), () => new Keys(telemetry.clock));
  return (attributes, { signal, origin }) => {
    if (keys.size === 0) return undefined;
    const found = keys.find(signal, attributes, origin.peerAddress ?? "");
    if (found === undefined) return undefined;
    const { processor, reason, detail, key } = found;
    const by = Object.entries(key).map(([name, value]) => `${name}=${value}`);
    return [
      `not named by ${processor}: ${reason}`,
      ...(detail === undefined ? [] : [` (${detail})`]),
      ...(by.length === 0 ? [] : [`, ${by.join(", ")}`]),
    ].join("");
  };
}
