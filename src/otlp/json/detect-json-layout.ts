import { ParseError } from "#wire";
import { layoutOfPrior, Refusal, type Confidence, type Detection, type DetectionPrior } from "../profiles/detection.ts";
import { LAYOUTS, type Layout } from "../profiles/layout.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Profiles that are looked at: one encoder writes one request. */
const PROFILES = 64;
/** Samples and table entries that are looked at. */
const ENTRIES = 16;

/** Keys of other signals' requests at the top. */
const OTHER_SIGNALS = ["resourceSpans", "resourceMetrics", "resourceLogs"];

const TABLES = ["stringTable", "mappingTable", "locationTable", "functionTable", "attributeTable", "linkTable"];

/**
 * Recognizes the layout of a profiles request in OTLP/JSON by the names of its keys, in either spelling. Names are the
 * same in 1.9, 1.10 and 1.11, whose fields differ in their numbers only: D10 is the answer for all of them.
 *
 * @param root the parsed request
 */
export function detectJsonLayout(root: JsonObject, prior: DetectionPrior = {}): Detection | Refusal {
  if (OTHER_SIGNALS.some((name) => has(root, name))) {
    return new Refusal("not-otlp", new ParseError("a request of another signal"));
  }
  return new JsonDetector(root, prior).detect();
}

class JsonDetector {
  readonly #root: JsonObject;
  readonly #prior: DetectionPrior;
  readonly #profiles: readonly JsonObject[];
  readonly #evidence: string[] = [];

  constructor(root: JsonObject, prior: DetectionPrior) {
    this.#root = root;
    this.#prior = prior;
    this.#profiles = profilesOf(root);
  }

  detect(): Detection | Refusal {
    const root = this.#root;
    if (this.#profiles.length === 0) return this.#empty();
    if (this.#some("a container with a profile inside (1.3)", ["profile", "startTimeUnixNano", "endTimeUnixNano"])) {
      return this.#result(["E"]);
    }
    if (this.#some("tables inside of profiles (1.4, 1.5)", TABLES)) return this.#inside();
    if (TABLES.some((name) => has(root, name))) {
      this.#evidence.push("tables at the top level (1.6)");
      return this.#result(["D6"]);
    }
    const dictionary = get(root, "dictionary");
    if (!isObject(dictionary)) {
      if (this.#profiles.some((profile) => listOf(profile, "sample", "samples").length > 0)) {
        const text = "profiles without dictionary (1.6 export request?)";
        return new Refusal("unresolvable", new ParseError(text));
      }
      return this.#outside({});
    }
    this.#evidence.push("a dictionary");
    return this.#outside(dictionary);
  }

  #empty(): Detection {
    const layout = layoutOfPrior(this.#prior) ?? "D10";
    return { layout, candidates: LAYOUTS, confidence: "assumed", evidence: ["no profiles"], empty: true };
  }

  #inside(): Detection {
    if (this.#some("profile attributes by index (1.5)", ["attributeIndices"])) return this.#result(["D5"]);
    if (this.#some("profile attributes in place (1.4)", ["attributes"])) return this.#result(["D4"]);
    this.#evidence.push("no profile attributes, in which 1.4 and 1.5 differ");
    return this.#result(["D4", "D5"]);
  }

  #outside(dictionary: JsonObject): Detection | Refusal {
    const attributes = entriesOf(dictionary, "attributeTable");
    const older =
      has(dictionary, "attributeUnits") ||
      attributes.some((entry) => has(entry, "key")) ||
      this.#profiles.some((profile) => {
        const names = ["locationIndices", "timeNanos", "durationNanos", "defaultSampleTypeIndex"];
        return names.some((name) => has(profile, name)) || Array.isArray(get(profile, "sampleType"));
      });
    if (older) {
      this.#evidence.push("names of 1.7");
      return this.#result(["D7"]);
    }
    const singular = this.#some("`sample` (1.8)", ["sample", "commentStrindices"]);
    const plural = this.#some("`samples` (1.9 or later)", ["samples"]);
    if (singular && plural) {
      return new Refusal("mixed", new ParseError("`sample` of 1.8 and `samples` of 1.9 in one request"));
    }
    const locations = entriesOf(dictionary, "locationTable");
    if (singular || this.#temporality() || locations.some((entry) => has(entry, "line"))) return this.#result(["D8"]);
    if (this.#references()) {
      this.#evidence.push("references to strings in a resource (1.10)");
      return this.#result(["D10"]);
    }
    if (plural || locations.some((entry) => has(entry, "lines"))) {
      this.#evidence.push("names are the same in 1.9 and 1.10");
      return this.#result(["D9", "D10"], "D10");
    }
    this.#evidence.push("nothing that only one layout has");
    return this.#result(["D8", "D9", "D10"], "D10");
  }

  /** Whether a profile has one of these keys, which is evidence then. */
  #some(evidence: string, names: readonly string[]): boolean {
    const found = this.#profiles.some((profile) => names.some((name) => has(profile, name)));
    if (found) this.#evidence.push(evidence);
    return found;
  }

  #temporality(): boolean {
    return this.#profiles.some((profile) => {
      const types = [get(profile, "sampleType"), get(profile, "periodType")];
      return types.some((type) => isObject(type) && has(type, "aggregationTemporality"));
    });
  }

  #references(): boolean {
    return entriesOf(this.#root, "resourceProfiles").some((entry) => {
      const resource = get(entry, "resource");
      if (!isObject(resource)) return false;
      return entriesOf(resource, "attributes").some((attribute) => {
        const value = get(attribute, "value");
        return has(attribute, "keyStrindex") || (isObject(value) && has(value, "stringValueStrindex"));
      });
    });
  }

  #result(candidates: readonly Layout[], usual: Layout = candidates.at(-1)!): Detection {
    const prior = layoutOfPrior(this.#prior);
    const layout = prior && candidates.includes(prior) ? prior : usual;
    // Names that are the same mean the same, so nothing is lost by the choice.
    const confidence: Confidence = "certain";
    return { layout, candidates, confidence, evidence: this.#evidence, empty: false };
  }
}

function profilesOf(root: JsonObject): readonly JsonObject[] {
  const profiles: JsonObject[] = [];
  for (const resource of listOf(root, "resourceProfiles")) {
    for (const scope of listOf(resource, "scopeProfiles")) {
      for (const profile of listOf(scope, "profiles")) {
        if (profiles.push(profile) === PROFILES) return profiles;
      }
    }
  }
  return profiles;
}

function entriesOf(object: JsonObject, name: string): readonly JsonObject[] {
  return listOf(object, name).slice(0, ENTRIES);
}

/** The objects of the first of these lists that is there. */
function listOf(object: JsonObject, ...names: readonly string[]): readonly JsonObject[] {
  for (const name of names) {
    const value = get(object, name);
    if (Array.isArray(value)) return value.filter(isObject);
  }
  return [];
}

/** A member by its lowerCamelCase name, also where the sender spells it as the .proto file does. */
function get(object: JsonObject, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name] ?? undefined;
  const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.hasOwn(object, snake) ? (object[snake] ?? undefined) : undefined;
}

function has(object: JsonObject, name: string): boolean {
  return get(object, name) !== undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
