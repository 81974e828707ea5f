import { ParseError, Reader, WireType } from "#wire";
import { layoutOfPrior, Refusal, type Confidence, type Detection, type DetectionPrior } from "./detection.ts";
import { LAYOUTS, type Layout } from "./layout.ts";
import { ALL_FAMILIES, ProfileProbe, type Family } from "./profile-shape.ts";
import { RequestShape } from "./request-shape.ts";
import { SampleShapes } from "./sample-shape.ts";

/**
 * Profiles that are looked at: one encoder writes one request, so a few tell for all. Small ones more of them, as each
 * says less.
 */
const PROFILES = 32;
const LARGE_PROFILES = 3;
const LARGE = 1 << 12;
/** Samples whose wire types are looked at first, and samples that are judged where those do not decide. */
const GLANCES = 48;
const JUDGED = 2048;
/** Contradictions that settle it when the other side has none. */
const CLEAR = 16;

const BIT: Readonly<Record<Family, number>> = { E: 1, D5: 2, D7: 4, D8: 8, D10: 16 };
const WITH_TABLES_INSIDE = BIT.E | BIT.D5;

/**
 * Recognizes the layout of a profiles request (or of ProfilesData) from its bytes: the wire types of fields, what is
 * in them, and for samples of 1.8 and later what they would mean under either numbering. Looks at a bounded part of
 * the request, so it is cheap and no check of the whole: `readProfiles` finds what is broken further in.
 *
 * @param prior what is known about the sender; decides only between layouts that the bytes leave open
 */
export function detectLayout(bytes: Uint8Array, prior: DetectionPrior = {}): Detection | Refusal {
  return new Detector(bytes, prior).detect();
}

class Detector {
  readonly #bytes: Uint8Array;
  readonly #prior: DetectionPrior;
  readonly #evidence: string[] = [];
  readonly #probe = new ProfileProbe();
  /** Families that no profile with samples, and no profile at all, speaks against; and the same without odd ones. */
  #possible = ALL_FAMILIES;
  #plain = ALL_FAMILIES;
  #profiles = 0;
  #withSamples = 0;
  #anyFits = false;
  /** A profile that fits no family at all. */
  #misfit = "";
  #hasD4Attributes = false;
  #hasD5Attributes = false;
  #highest = 0;
  readonly #samples: number[] = [];
  /** Ranges of field 7 of the profiles. */
  readonly #sevens: number[] = [];

  constructor(bytes: Uint8Array, prior: DetectionPrior) {
    this.#bytes = bytes;
    this.#prior = prior;
  }

  detect(): Detection | Refusal {
    if (this.#bytes.length === 0) return this.#empty("zero bytes");
    const request = RequestShape.of(this.#bytes);
    if (request instanceof Refusal) return request;
    const problem = this.#vote(request);
    if (problem) return problem;
    if (this.#profiles === 0) return this.#empty("no profiles");
    return this.#decide(request);
  }

  #empty(why: string): Detection {
    const layout = layoutOfPrior(this.#prior) ?? "D10";
    return { layout, candidates: LAYOUTS, confidence: "assumed", evidence: [why], empty: true };
  }

  /** Lets the profiles speak: those with samples, or all where none has any. */
  #vote(request: RequestShape): Refusal | undefined {
    let silentPossible = ALL_FAMILIES;
    let silentPlain = ALL_FAMILIES;
    let bytes = 0;
    const problem = request.eachProfile((start, end) => {
      const probe = this.#probe;
      probe.probe(this.#bytes, start, end);
      this.#profiles++;
      const possible = probe.broken ? 0 : ALL_FAMILIES & ~probe.impossible;
      if (possible !== 0) this.#anyFits = true;
      const plain = possible & ~probe.odd;
      if (probe.sampleCount === 0) {
        silentPossible &= possible;
        silentPlain &= plain;
      } else {
        if (possible === 0) this.#misfit ||= `profile ${this.#profiles - 1}`;
        this.#withSamples++;
        this.#possible &= possible;
        this.#plain &= plain;
        this.#samples.push(...probe.samples);
      }
      this.#hasD4Attributes ||= probe.hasD4Attributes;
      this.#hasD5Attributes ||= probe.hasD5Attributes;
      this.#highest = Math.max(this.#highest, probe.highest);
      if (probe.field7Start >= 0) this.#sevens.push(probe.field7Start, probe.field7End);
      bytes += end - start;
      if (this.#withSamples >= LARGE_PROFILES && bytes >= LARGE) return false;
      return this.#profiles < PROFILES;
    });
    if (problem) return problem;
    if (this.#profiles > 0 && !this.#anyFits) return this.#noFamily("no profile has one");
    // Profiles without samples never cause a refusal: they only speak where the others leave a choice.
    if ((this.#possible & silentPossible) !== 0) this.#possible &= silentPossible;
    if ((this.#plain & silentPlain) !== 0) this.#plain &= silentPlain;
    return undefined;
  }

  #decide(request: RequestShape): Detection | Refusal {
    if (this.#withSamples === 0 && !request.tablesAtTop) {
      const families = request.hasDictionary ? this.#dictionaryFamilies(request) : ALL_FAMILIES;
      return this.#silent(this.#choose(families) || families);
    }
    const inside = this.#choose(WITH_TABLES_INSIDE);
    if (request.tablesAtTop) {
      if (this.#withSamples > 0 && (this.#possible & BIT.D7) === 0)
        return this.#noFamily("tables of 1.6 but no profiles of it");
      this.#evidence.push("tables at the top level (1.6)");
      return this.#result("D6", ["D6"], "certain");
    }
    if (!request.hasDictionary) {
      if (inside !== 0) return this.#insideProfiles(inside);
      if ((this.#possible & ~WITH_TABLES_INSIDE) === 0) return this.#noFamily(this.#misfit);
      const text = "profiles without dictionary (1.6 export request?)";
      return new Refusal("unresolvable", new ParseError(text));
    }
    const outside = this.#choose(this.#dictionaryFamilies(request));
    if (outside === 0) {
      if (inside !== 0) return this.#insideProfiles(inside);
      return this.#noFamily(this.#misfit);
    }
    if (request.dictionarySize === 0) {
      return new Refusal("unresolvable", new ParseError("profiles with an empty dictionary"));
    }
    this.#evidence.push("a dictionary");
    return this.#outsideProfiles(outside, request);
  }

  /** Of those families the ones that all profiles can be, without odd ones if there are others. */
  #choose(families: number): number {
    const plain = this.#plain & families;
    return plain !== 0 ? plain : this.#possible & families;
  }

  #insideProfiles(families: number): Detection {
    if ((families & BIT.E) !== 0 && (families & BIT.D5) === 0) {
      this.#evidence.push("profiles in containers (1.3)");
      return this.#result("E", ["E"], "certain");
    }
    if ((families & BIT.E) !== 0) {
      const prior = layoutOfPrior(this.#prior);
      this.#evidence.push("a container of 1.3 or a profile of 1.4");
      return this.#result(prior === "D4" || prior === "D5" ? prior : "E", ["E", "D4", "D5"], "assumed");
    }
    this.#evidence.push("tables inside of profiles (1.4, 1.5)");
    if (this.#hasD5Attributes) return this.#result("D5", ["D5"], "certain");
    if (this.#hasD4Attributes) return this.#result("D4", ["D4"], "certain");
    this.#evidence.push("no profile attributes, in which 1.4 and 1.5 differ");
    return this.#result(layoutOfPrior(this.#prior) === "D4" ? "D4" : "D5", ["D4", "D5"], "certain");
  }

  /** D7 or later, by what is in the dictionary. */
  #dictionaryFamilies(request: RequestShape): number {
    const { attributes, sevenths } = request.dictionaryKind();
    if (attributes === "D7" || sevenths === "D7") {
      this.#evidence.push(attributes === "D7" ? "attributes with literal keys (1.7)" : "attribute units (1.7)");
      return BIT.D7;
    }
    if (attributes === "D8" || sevenths === "D8") {
      this.#evidence.push(
        sevenths === "D8" ? "a table of stacks (1.8 or later)" : "attributes with units (1.8 or later)",
      );
      return BIT.D8 | BIT.D10;
    }
    return BIT.D7 | BIT.D8 | BIT.D10;
  }

  #outsideProfiles(families: number, request: RequestShape): Detection | Refusal {
    if ((families & BIT.D7) !== 0 && (families & ~BIT.D7) === 0) {
      this.#evidence.push("profiles of 1.7");
      return this.#result("D7", ["D7"], "certain");
    }
    let remaining = families;
    if ((remaining & BIT.D7) !== 0) {
      // From 1.8 on there is a table of stacks, if only with its null element. Without, the samples have the last word.
      if (!request.hasSeventh() && this.#hasSlices()) {
        this.#evidence.push("slices of locations, and no table of stacks (1.7)");
        return this.#result("D7", ["D7"], "likely");
      }
      remaining &= ~BIT.D7;
    }
    if ((remaining & BIT.D8) !== 0 && (remaining & BIT.D10) !== 0) remaining = this.#commentsOrId(remaining, request);
    if (remaining === BIT.D8) {
      this.#evidence.push("fields of 1.8");
      return this.#result("D8", ["D8"], "certain");
    }
    return this.#numbering(remaining, request);
  }

  /** No samples to tell by: what remains reads the same. */
  #silent(families: number): Detection {
    const candidates = LAYOUTS.filter((layout) => (families & BIT[familyOf(layout)]) !== 0 && layout !== "D6");
    const prior = layoutOfPrior(this.#prior);
    const layout = prior && candidates.includes(prior) ? prior : candidates.at(-1)!;
    return this.#result(layout, candidates, "assumed");
  }

  /** Whether a sample has what only those of D7 have: a number as field 2 and values beside, or field 6. */
  #hasSlices(): boolean {
    const reader = new Reader();
    for (let at = 0; at < this.#samples.length && at < JUDGED * 2; at += 2) {
      reader.reset(this.#bytes, this.#samples[at]!, this.#samples[at + 1]!);
      let length = false;
      let values = false;
      while (reader.next()) {
        if (reader.field === 6) return true;
        if (reader.field === 2 && reader.wireType === WireType.VARINT) length = true;
        if (reader.field === 3 && reader.wireType === WireType.LEN) values = true;
      }
      if (length && values) return true;
    }
    return false;
  }

  /** Field 7 is a list of comments in D8 and the profile id from D9 on. */
  #commentsOrId(families: number, request: RequestShape): number {
    let remaining = families;
    for (let at = 0; at < this.#sevens.length; at += 2) {
      const start = this.#sevens[at]!;
      const end = this.#sevens[at + 1]!;
      if (start === end || !request.areStrings(start, end)) remaining &= ~BIT.D8;
      else if (end - start !== 16) remaining &= ~BIT.D10;
    }
    if (remaining !== families)
      this.#evidence.push(remaining === BIT.D8 ? "comments (1.8)" : "field 7 is a profile id");
    return remaining === 0 ? families : remaining;
  }

  /** A (D8, D9) or B (D10), by the samples. */
  #numbering(families: number, request: RequestShape): Detection | Refusal {
    const shapes = new SampleShapes();
    this.#glance(shapes, 0, GLANCES);
    if (shapes.certainA && shapes.certainB) {
      return new Refusal("mixed", new ParseError("samples of 1.9 and of 1.10 in one request"));
    }
    const certain = this.#byWireType(families, shapes);
    if (certain) return certain;
    if (request.hasReferences()) {
      this.#evidence.push("references to strings in a resource (1.10)");
      return this.#result("D10", ["D10"], "certain");
    }
    return this.#weigh(families, shapes, request);
  }

  /** Looks at the wire types of samples `from` to `to`. */
  #glance(shapes: SampleShapes, from: number, to: number): void {
    const samples = this.#samples;
    for (let at = from * 2; at < samples.length && at < to * 2; at += 2) {
      shapes.glance(this.#bytes, samples[at]!, samples[at + 1]!);
    }
  }

  #byWireType(families: number, shapes: SampleShapes): Detection | undefined {
    if (shapes.certainA) {
      this.#evidence.push("attributes of samples in field 3 (1.8, 1.9)");
      return this.#olderNumbering(families, "certain");
    }
    if (!shapes.certainB) return undefined;
    this.#evidence.push("values of samples in field 4 (1.10)");
    return this.#result("D10", ["D10"], "certain");
  }

  #weigh(families: number, shapes: SampleShapes, request: RequestShape): Detection {
    const sizes = request.tableSizes();
    const samples = this.#samples;
    for (let at = 0; at < samples.length && at < JUDGED * 2; at += 2) {
      shapes.judge(this.#bytes, samples[at]!, samples[at + 1]!, sizes);
      // Many contradictions on one side and none on the other: more samples say more of the same.
      if (Math.min(shapes.hardA, shapes.hardB) === 0 && Math.max(shapes.hardA, shapes.hardB) >= CLEAR) break;
    }
    if (shapes.hardA === shapes.hardB) {
      this.#glance(shapes, GLANCES, JUDGED);
      const certain = this.#byWireType(families, shapes);
      if (certain) return certain;
    }
    const older = olderLayouts(families, this.#highest);
    if (shapes.telling === 0) {
      this.#evidence.push("samples without values, attributes and links, which read the same");
      const prior = layoutOfPrior(this.#prior);
      const candidates = [...older, "D10" as const];
      return this.#result(prior && candidates.includes(prior) ? prior : "D10", candidates, "certain");
    }
    const rounds = [
      [shapes.hardA, shapes.hardB, "contradictions"],
      [shapes.softA, shapes.softB, "attributes out of place"],
      [shapes.packingA, shapes.packingB, "numbers packed and not packed"],
    ] as const;
    for (const [a, b, what] of rounds) {
      if (a === b) continue;
      this.#evidence.push(`${a} ${what} if samples are those of 1.9, ${b} if of 1.10`);
      const confidence = Math.min(a, b) === 0 ? "certain" : "likely";
      return a < b ? this.#olderNumbering(families, confidence) : this.#result("D10", ["D10"], confidence);
    }
    const orphans = request.orphans(samples, JUDGED);
    if (orphans.a !== orphans.b) {
      this.#evidence.push(`${orphans.a} unused attributes if samples are those of 1.9, ${orphans.b} if of 1.10`);
      return orphans.a < orphans.b ? this.#olderNumbering(families, "likely") : this.#result("D10", ["D10"], "likely");
    }
    this.#evidence.push("samples that could be of 1.9 and of 1.10");
    const candidates = [...older, "D10" as const];
    const prior = layoutOfPrior(this.#prior);
    return this.#result(prior && candidates.includes(prior) ? prior : "D10", candidates, "assumed");
  }

  #olderNumbering(families: number, confidence: Confidence): Detection {
    const candidates = olderLayouts(families, this.#highest);
    const prior = layoutOfPrior(this.#prior);
    const layout = prior && candidates.includes(prior) ? prior : candidates.at(-1)!;
    return this.#result(layout, candidates, confidence);
  }

  #noFamily(what: string): Refusal {
    const fits = ALL_FAMILIES & this.#possible;
    if (what === "" && fits === 0) {
      return new Refusal("mixed", new ParseError("profiles of different layouts in one request"));
    }
    return new Refusal("not-otlp", new ParseError(`no layout of OTLP profiles${what === "" ? "" : ` (${what})`}`));
  }

  #result(layout: Layout, candidates: readonly Layout[], confidence: Confidence): Detection {
    const prior = layoutOfPrior(this.#prior);
    if (prior && !candidates.includes(prior)) this.#evidence.push(`the sender would have been taken for ${prior}`);
    return { layout, candidates, confidence, evidence: this.#evidence, empty: false };
  }
}

/** Layouts with numbering A among the families. Fields 1 to 6 alone are the same in D8 and D9. */
function olderLayouts(families: number, highest: number): readonly Layout[] {
  const d8 = (families & BIT.D8) !== 0;
  const d9 = (families & BIT.D10) !== 0;
  if (d8 && d9) return highest <= 6 ? ["D8", "D9"] : ["D9"];
  return d8 ? ["D8"] : ["D9"];
}

function familyOf(layout: Layout): Family {
  if (layout === "D4" || layout === "D5") return "D5";
  if (layout === "D6" || layout === "D7") return "D7";
  return layout === "E" || layout === "D8" ? layout : "D10";
}
