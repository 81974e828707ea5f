import {
  type DictionaryColumns,
  type Layouts,
  loadLayouts,
  loadProfiles,
  ParseError,
  type Profiles,
  type ProfilesModel,
  Refusal,
} from "#otlp";
import { StoreError } from "../profile-store.ts";

/** Readers of `#otlp`, loaded when a store opens. */
export type Readers = Profiles & Pick<Layouts, "regroupByContainer" | "upgradeProfiles">;

export async function loadReaders(): Promise<Readers> {
  const [profiles, layouts] = await Promise.all([loadProfiles(), loadLayouts()]);
  return { ...profiles, ...layouts };
}

/** Layouts whose profiles have one type each: their samples are stored without a detour. */
const ONE_TYPE: ReadonlySet<string> = new Set(["D8", "D9", "D10"]);

/** Bytes of tables that are kept for requests to come, and of those of one request. */
const MAX_KEPT = 8 << 20;
const MAX_KEPT_OF_ONE = 2 << 20;

/**
 * Memory for the tables of requests, handed on from those that are stored to those that come: it is three times as much as
 * the request, and would otherwise lie about until the garbage collector comes by.
 */
export class TableMemory {
  readonly #Columns: Readers["DictionaryColumns"];
  readonly #free: DictionaryColumns[] = [];
  #size = 0;

  constructor({ DictionaryColumns: Columns }: Readers) {
    this.#Columns = Columns;
  }

  /** @param use reads a request into the tables, which nobody may look at once it has settled */
  async lend<T>(use: (columns: DictionaryColumns) => Promise<T>): Promise<T> {
    const kept = this.#free.pop();
    this.#size -= kept?.memoryBytes ?? 0;
    const columns = kept ?? new this.#Columns();
    try {
      return await use(columns);
    } finally {
      this.#keep(columns);
    }
  }

  #keep(columns: DictionaryColumns): void {
    const { memoryBytes: size } = columns;
    if (size > MAX_KEPT_OF_ONE || this.#size + size > MAX_KEPT) return;
    // The request's bytes are not needed any more.
    columns.begin(NOTHING);
    this.#free.push(columns);
    this.#size += size;
  }
}

const NOTHING = new Uint8Array(0);

/**
 * A request of any layout as a model in which each profile has one type and each container its resource. Bytes that
 * can't be read are a `StoreError` "invalid".
 *
 * @param columns memory for the tables
 */
export function readRequest(bytes: Uint8Array, readers: Readers, columns?: DictionaryColumns): ProfilesModel {
  const detected = readers.detectLayout(bytes);
  if (detected instanceof Refusal) throw invalid(detected.problem);
  const model = readers.readProfiles(bytes, detected.layout, columns);
  if (model instanceof ParseError) throw invalid(model);
  if (!ONE_TYPE.has(model.layout)) return readers.upgradeProfiles(readers.regroupByContainer(model).model).model;
  return namesContainers(model) ? readers.regroupByContainer(model).model : model;
}

/** Whether samples may say which container they are of, as those of early agents do. */
function namesContainers({ dictionary }: ProfilesModel): boolean {
  const { attributes, strings } = dictionary;
  for (let at = 1; at < attributes.length; at++) {
    const key = attributes.key[at]!;
    if (strings.size(key) === CONTAINER_ID.length && strings.text(key) === CONTAINER_ID) return true;
  }
  return false;
}

const CONTAINER_ID = "container.id";

function invalid(problem: ParseError): StoreError {
  return new StoreError("invalid", `this is no request of OTLP profiles: ${problem.message}`, { cause: problem });
}
