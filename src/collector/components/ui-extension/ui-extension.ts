import { join } from "node:path";
import { type Component, type ComponentContext, errorFrom, hostKey } from "#collector";
import { UNRESOLVED_KEYS_SERVICE, UnresolvedKeys } from "#identity";
import { createApi, serve, type ServedApi } from "#query";
import { NAMED_STORES_SERVICE, NamedStores } from "#store";
import { VERSION } from "#telemetry";
import type { UiConfig } from "./config.ts";
import { ServedStore } from "./served-store.ts";
import { explainUnnamed } from "./unnamed.ts";

/** What the processors of this process could not name, and why. */
const UNRESOLVED = hostKey<UnresolvedKeys>(UNRESOLVED_KEYS_SERVICE);
const STORES = hostKey<NamedStores>(NAMED_STORES_SERVICE);

/** Serves the page and the API over a store of this process. */
export class UiExtension implements Component {
  readonly #context: ComponentContext;
  readonly #config: UiConfig;
  readonly #stores: NamedStores;
  readonly #unresolved: UnresolvedKeys;
  #served: ServedApi | undefined;

  constructor(context: ComponentContext, config: UiConfig) {
    this.#context = context;
    this.#config = config;
    const { host, telemetry } = context;
    this.#stores = host.service(STORES, () => new NamedStores());
    this.#unresolved = host.service(UNRESOLVED, () => new UnresolvedKeys(telemetry.clock));
  }

  /** The address in effect, once started. */
  get url(): string | undefined {
    return this.#served?.url;
  }

  async start(): Promise<void> {
    const { host, port, allowedHosts, mode, store, queryTimeoutMs, maxConcurrentQueries } = this.#config;
    const { logger } = this.#context.telemetry;
    const app = createApi({
      store: new ServedStore(this.#stores, store),
      status: () => ({ version: VERSION, mode }),
      assets: this.#config.assets ?? join(process.env["PODFLAME_ROOT"] ?? ".", "dist", "web"),
      allowedHosts,
      admission: {
        ...(queryTimeoutMs === undefined ? {} : { timeoutMs: queryTimeoutMs }),
        ...(maxConcurrentQueries === undefined ? {} : { concurrent: maxConcurrentQueries }),
      },
      explain: (labels) => explainUnnamed(this.#unresolved, labels),
      onInternalError: (caught, path) => {
        const error = errorFrom(caught);
        logger.error("bug: a question to the API failed", { path, error, stack: error.stack });
      },
    });
    try {
      this.#served = await serve(app, { host: host === "" ? "::" : host, port });
    } catch (caught) {
      const error = errorFrom(caught) as NodeJS.ErrnoException;
      const what = error.code === "EADDRINUSE" ? "is taken by another process" : error.message;
      const message = `endpoint ${host}:${port} ${what}; choose another endpoint`;
      throw Object.assign(new Error(message, { cause: error }), { code: error.code });
    }
    logger.info("the page is served", { url: this.#served.url });
  }

  async shutdown(): Promise<void> {
    const served = this.#served;
    this.#served = undefined;
    await served?.close();
  }
}
