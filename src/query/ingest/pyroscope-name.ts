import { QueryError } from "../query-error.ts";

/** Who Pyroscope's SDKs say that they are. */
export interface PyroscopeName {
  readonly service: string;
  readonly labels: ReadonlyMap<string, string>;
}

const NAME = /^([^{}]{1,256})(?:\{([^{}]{0,4096})\})?$/;
/** Types that SDKs put behind the name. */
const TYPE_SUFFIX =
  /\.(?:cpu|itimer|wall|alloc_objects|alloc_space|inuse_objects|inuse_space|goroutines|mutex_\w+|block_\w+|exceptions|lock_\w+)$/;

/** Reads `shop.cart{region=eu,env=prod}`, the parameter `name` of Pyroscope's `/ingest`. @throws QueryError "invalid" */
export function parsePyroscopeName(text: string): PyroscopeName {
  const match = NAME.exec(text.trim());
  if (!match) {
    throw new QueryError("invalid", `not a name: ${text.slice(0, 100)}`, "Write it as app or app{region=eu,env=prod}.");
  }
  const labels = new Map<string, string>();
  for (const pair of (match[2] ?? "").split(",")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, Math.max(0, at)).trim();
    // Labels with two underscores are the SDK's own.
    if (name !== "" && !name.startsWith("__"))
      labels.set(
        name,
        pair
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, "$1"),
      );
  }
  return { service: match[1]!.trim().replace(TYPE_SUFFIX, ""), labels };
}
