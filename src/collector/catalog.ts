import type { AnyFactory, ExporterFactory, ExtensionFactory, ProcessorFactory, ReceiverFactory } from "./component.ts";

/** The factory of each kind. */
export interface FactoryOf {
  receiver: ReceiverFactory;
  processor: ProcessorFactory;
  exporter: ExporterFactory;
  extension: ExtensionFactory;
}
export type ComponentKind = keyof FactoryOf;

/** A component that can be configured, before its code is read: what isn't configured costs no memory. */
export interface CatalogEntry {
  readonly kind: ComponentKind;
  /** As the factory has them. */
  readonly type: string;
  readonly aliases?: readonly string[];
  readonly load: () => Promise<AnyFactory>;
}

/** All components that configurations may name, by kind and type. */
export class ComponentCatalog {
  readonly entries: readonly CatalogEntry[];

  constructor(entries: readonly CatalogEntry[]) {
    const seen = new Set<string>();
    for (const { kind, type, aliases = [] } of entries) {
      for (const word of [type, ...aliases]) {
        if (seen.has(`${kind} ${word}`)) throw new Error(`two ${kind}s are called ${word}`);
        seen.add(`${kind} ${word}`);
      }
    }
    this.entries = entries;
  }

  /** The entry of that type or alias. */
  find(kind: ComponentKind, word: string): CatalogEntry | undefined {
    return this.entries.find(
      (entry) => entry.kind === kind && (entry.type === word || entry.aliases?.includes(word) === true),
    );
  }

  /** All words that name a component of the kind, aliases included. */
  words(kind: ComponentKind): string[] {
    return this.entries
      .filter((entry) => entry.kind === kind)
      .flatMap((entry) => [entry.type, ...(entry.aliases ?? [])]);
  }

  /** Reads the component's code. */
  async load<K extends ComponentKind>(kind: K, entry: CatalogEntry): Promise<FactoryOf[K]> {
    const factory = await entry.load();
    if (factory.kind !== kind || factory.type !== entry.type) {
      throw new Error(
        `catalog entry ${entry.kind} ${entry.type} leads to the factory of ${factory.kind} ${factory.type}`,
      );
    }
    return factory as FactoryOf[K];
  }
}
