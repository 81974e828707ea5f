import { QueryError } from "../query-error.ts";
import { isPyroscopeType } from "./pyroscope-types.ts";

/** Who Pyroscope's SDKs say that they are. */
export interface PyroscopeName {
  readonly service: string;
  readonly labels: ReadonlyMap<string, string>;
  /** What was counted, where the name ends in that: `alloc_space` of `shop.cart.alloc_space`. */
  readonly type: string | undefined;
}

const NAME = /^([^{}]{1,256})(?:\{([^{}]{0,4096})\})?$/;

/** Reads `shop.cart{region=eu,env=prod}`, the parameter `name` of Pyroscope's `/ingest`. @throws QueryError "invalid" */
export function parsePyroscopeName(text: string): PyroscopeName {
  const match = NAME.exec(text.trim());
  if (!match) {
    throw new QueryError(
      "invalid",
      `parameter name can't be ${text.slice(0, 100)}`,
      "Write it as app or app{region=eu,env=prod}.",
    );
  }
  const labels = new Map<string, string>();
  for (const pair of (match[2] ?? "").split(",")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, Math.max(0, at)).trim();
    const value = pair.slice(at + 1).trim();
    // Labels with two underscores are the SDK's own.
    if (name !== "" && !name.startsWith("__")) labels.set(name, value.replace(/^"(.*)"$/, "$1"));
  }
  const app = match[1]!.trim();
  const at = app.lastIndexOf(".");
  const suffix = app.slice(at + 1);
  if (at <= 0 || !isPyroscopeType(suffix)) return { service: app, labels, type: undefined };
  return { service: app.slice(0, at), labels, type: suffix };
}
