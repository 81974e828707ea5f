import { type Layouts, loadLayouts, loadProfiles, ParseError, type Profiles, type ProfilesModel, Refusal } from "#otlp";
import { StoreError } from "../profile-store.ts";

/** Readers of `#otlp`, loaded when a store opens. */
export type Readers = Profiles & Pick<Layouts, "regroupByContainer" | "upgradeProfiles">;

export async function loadReaders(): Promise<Readers> {
  const [profiles, layouts] = await Promise.all([loadProfiles(), loadLayouts()]);
  return { ...profiles, ...layouts };
}

/** Layouts whose profiles have one type each: their samples are stored without a detour. */
const ONE_TYPE: ReadonlySet<string> = new Set(["D8", "D9", "D10"]);

/**
 * A request of any layout as a model in which each profile has one type and each container its resource. Bytes that
 * can't be read are a `StoreError` "invalid".
 */
export function readRequest(bytes: Uint8Array, readers: Readers): ProfilesModel {
  const detected = readers.detectLayout(bytes);
  if (detected instanceof Refusal) throw invalid(detected.problem);
  const model = readers.readProfiles(bytes, detected.layout);
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
