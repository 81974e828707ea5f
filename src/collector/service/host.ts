import type { Host, HostKey } from "../component.ts";

interface SharedService {
  shutdown?(deadline: AbortSignal): Promise<void>;
}

/** What the components of one running service share. */
export class ServiceHost implements Host {
  readonly #services = new Map<string, SharedService>();
  readonly #onFatal: (error: Error) => void;

  /** @param onFatal hears of what a component can't live with; may be called more than once */
  constructor(onFatal: (error: Error) => void) {
    this.#onFatal = onFatal;
  }

  service<T>(key: HostKey<T>, create: () => T & SharedService): T {
    let service = this.#services.get(key.name) as (T & SharedService) | undefined;
    if (service === undefined) this.#services.set(key.name, (service = create()));
    return service;
  }

  reportFatal(error: Error): void {
    this.#onFatal(error);
  }

  /** The shared services with a `shutdown`, last made first, for the service to end after its components. */
  get closing(): readonly { readonly name: string; shutdown(deadline: AbortSignal): Promise<void> }[] {
    return [...this.#services]
      .filter(([, service]) => service.shutdown !== undefined)
      .map(([name, service]) => ({ name, shutdown: (deadline: AbortSignal) => service.shutdown!(deadline) }))
      .reverse();
  }
}
