import { Reader, WireType } from "#wire";
import { isKnown, layoutFields, ProfileField, TableField, type FieldRoles, type LayoutFields } from "./fields.ts";
import type { Layout } from "./layout.ts";
import { skipSamples } from "./skip-samples.ts";

/** Layouts whose profiles have one shape. D4 and D5 differ in two fields that the other lacks, D9 and D10 in samples. */
export const FAMILIES = ["E", "D5", "D7", "D8", "D10"] as const satisfies readonly Layout[];
export type Family = (typeof FAMILIES)[number];
export const FAMILY_COUNT = FAMILIES.length;
export const ALL_FAMILIES = (1 << FAMILY_COUNT) - 1;

/** Samples of one profile that are looked at when wire types decide; all of them where they do not. */
const SAMPLES_KEPT = 64;
/** Highest number that Profile has in any layout: 22, in D5. */
const LAST_FIELD = 22;
/** Samples that are stepped over where nothing behind them could tell more. */
const ENOUGH_SAMPLES = 1024;
/** Collectors always write the profile id: 7 or more in every layout but E, whose containers have no samples. */
const TELLING_FIELD = 7;
/** How often an element of a repeated field is looked into. */
const LOOKED_INTO = 2;

/** Field 18 of D4 and 22 of D5. */
const D4_ATTRIBUTES = 18;
const D5_ATTRIBUTES = 22;

interface Shape {
  readonly bit: number;
  readonly sample: FieldRoles;
  readonly fields: FieldRoles;
  readonly layout: LayoutFields;
  readonly newest: boolean;
  readonly oneType: boolean;
}

let shapes: readonly Shape[] | undefined;

function shapesOf(): readonly Shape[] {
  shapes ??= FAMILIES.map((family, at) => {
    const layout = layoutFields(family);
    const bit = 1 << at;
    const oneType = family === "D8" || family === "D10";
    if (family === "E") return { bit, layout, fields: layout.container, sample: layout.sample, newest: false, oneType };
    const fields = family === "D5" ? withInline(layout.profile) : layout.profile;
    const sample = family === "D10" ? anyNumbering(layout.sample) : layout.sample;
    return { bit, layout, fields, sample, newest: family === "D10", oneType };
  });
  return shapes;
}

/** Samples of D9 and D10 in one: which of fields 2, 3 and 4 is the link is for `SampleShapes` to tell. */
function anyNumbering({ roles, accepts }: FieldRoles): FieldRoles {
  const both = accepts.slice();
  both[2] = both[3] = both[4] = (1 << WireType.VARINT) | (1 << WireType.LEN);
  return { roles, accepts: both };
}

/** D4 and D5 in one: 18 and 22 are both known. */
function withInline({ roles, accepts }: FieldRoles): FieldRoles {
  const both = { roles: roles.slice(), accepts: accepts.slice() };
  both.roles[D4_ATTRIBUTES] = ProfileField.INLINE_ATTRIBUTES;
  both.accepts[D4_ATTRIBUTES] = 1 << WireType.LEN;
  return both;
}

/** What the fields of profiles say about their layout. One object looks at all profiles of a request in turn. */
export class ProfileProbe {
  /** Families that the profile cannot be: a field has a wire type or content that they do not know. */
  impossible = 0;
  /** Families that the profile would be an odd example of: unknown fields, or two where there is one. */
  odd = 0;
  /** Ranges of its first samples. */
  readonly samples: number[] = [];
  sampleCount = 0;
  /** Highest field number of the profile. */
  highest = 0;
  hasD4Attributes = false;
  hasD5Attributes = false;
  hasTemporality = false;
  /** Field 7 as it is in D8 (comments) or D9 (id): start and end; -1 where there is none. */
  field7Start = -1;
  field7End = -1;
  /** Set when the profile's bytes are broken. */
  broken = false;
  readonly #reader = new Reader();
  readonly #inner = new Reader();
  readonly #seen = new Uint8Array(32);
  #hasStrings = false;
  /** Fields come in descending order, as collectors write them: behind the samples there is only their type. */
  #toldBefore = false;

  /** Looks at the profile at `bytes[start, end)`. */
  probe(bytes: Uint8Array, start: number, end: number): void {
    this.#reset();
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    let previous: number = LAST_FIELD;
    let descending = true;
    for (;;) {
      // The first go through `next`, which sees whether field 2 is what samples are.
      if (this.#seen[2]! > LOOKED_INTO) {
        const skipped = skipSamples(reader, this.samples, SAMPLES_KEPT, this.#toldBefore ? ENOUGH_SAMPLES : Infinity);
        this.sampleCount += skipped;
        if (skipped === ENOUGH_SAMPLES) break;
      }
      if (!reader.next()) break;
      const { field, wireType } = reader;
      // Fields that no layout has tell nothing.
      if (field > LAST_FIELD) continue;
      if (field > previous) descending = false;
      previous = field;
      if (field > this.highest) this.highest = field;
      this.#toldBefore = descending && this.highest >= TELLING_FIELD;
      if (field === 7 && wireType === WireType.LEN) [this.field7Start, this.field7End] = [reader.start, reader.end];
      if (field === D4_ATTRIBUTES) this.hasD4Attributes = true;
      if (field === D5_ATTRIBUTES) this.hasD5Attributes = true;
      const seen = this.#seen[field]!++;
      if (seen > 200) this.#seen[field] = 200;
      for (const shape of shapesOf()) this.#judge(shape, seen);
    }
    this.broken = reader.failed;
    this.#judgeWhole();
  }

  #reset(): void {
    this.impossible = this.odd = this.sampleCount = this.highest = 0;
    this.samples.length = 0;
    this.hasD4Attributes = this.hasD5Attributes = this.hasTemporality = this.broken = false;
    this.#hasStrings = this.#toldBefore = false;
    this.field7Start = this.field7End = -1;
    this.#seen.fill(0);
  }

  #judge(shape: Shape, seen: number): void {
    const { bit, fields, newest, oneType } = shape;
    if ((this.impossible & bit) !== 0) return;
    const { field, wireType, start, end } = this.#reader;
    if (!isKnown(fields, field)) {
      this.odd |= bit;
      return;
    }
    if (((fields.accepts[field]! >> wireType) & 1) === 0) {
      this.impossible |= bit;
      return;
    }
    const role = fields.roles[field]!;
    if (role === ProfileField.SAMPLES && bit === this.#firstWithSamples()) this.#keepSample(start, end);
    if (wireType !== WireType.LEN || seen >= LOOKED_INTO) return;
    if (!this.#fits(role, shape)) this.impossible |= bit;
    else if (newest && this.hasTemporality) this.impossible |= bit;
    else if (oneType && role === ProfileField.SAMPLE_TYPE && seen > 0) this.odd |= bit;
  }

  /** Samples are kept once, by the first family that has them in field 2. */
  #firstWithSamples(): number {
    const possible = ~(this.impossible | 1) & ALL_FAMILIES;
    return possible & -possible;
  }

  #keepSample(start: number, end: number): void {
    if (this.samples.length < SAMPLES_KEPT * 2) this.samples.push(start, end);
    this.sampleCount++;
  }

  /** Whether the current LEN field can be what the role says. */
  #fits(role: number, { layout, sample }: Shape): boolean {
    switch (role) {
      case ProfileField.SAMPLE_TYPE:
      case ProfileField.PERIOD_TYPE:
        return this.#isValueType();
      case ProfileField.SAMPLES:
        return this.#isMessage(sample);
      case TableField.MAPPINGS:
        return this.#isMessage(layout.mapping);
      case TableField.LOCATIONS:
        return this.#isMessage(layout.location);
      case TableField.FUNCTIONS:
        return this.#isMessage(layout.function);
      case TableField.ATTRIBUTE_UNITS:
        return this.#isMessage(layout.attributeUnit) && this.#onlyKnown(layout.attributeUnit);
      case TableField.ATTRIBUTES:
      case ProfileField.INLINE_ATTRIBUTES:
        return this.#isMessage(layout.keyValue);
      case TableField.LINKS:
        return this.#isMessage(layout.link);
      case TableField.STRINGS:
        this.#hasStrings = true;
        return true;
      case ProfileField.NESTED:
        return this.#isNested(layout.profile);
      case ProfileField.LOCATION_INDICES:
      case ProfileField.COMMENTS:
      case ProfileField.ATTRIBUTES:
        return this.#isPacked();
      default:
        return true;
    }
  }

  #isValueType(): boolean {
    const inner = this.#inner;
    inner.reset(this.#reader.bytes, this.#reader.start, this.#reader.end);
    while (inner.next()) {
      if (inner.field > 3) continue;
      if (inner.wireType !== WireType.VARINT) return false;
      if (inner.field === 3) this.hasTemporality = true;
    }
    return !inner.failed;
  }

  #isMessage({ roles, accepts }: FieldRoles): boolean {
    const inner = this.#inner;
    inner.reset(this.#reader.bytes, this.#reader.start, this.#reader.end);
    while (inner.next()) {
      const { field } = inner;
      if (field < 32 && roles[field] !== 0 && ((accepts[field]! >> inner.wireType) & 1) === 0) return false;
    }
    return !inner.failed;
  }

  #onlyKnown(fields: FieldRoles): boolean {
    const inner = this.#inner;
    inner.reset(this.#reader.bytes, this.#reader.start, this.#reader.end);
    while (inner.next()) if (inner.field <= LAST_FIELD && !isKnown(fields, inner.field)) return false;
    return true;
  }

  /** The Profile inside a container: pprof-like, samples in field 2. */
  #isNested({ roles, accepts }: FieldRoles): boolean {
    const inner = this.#inner;
    inner.reset(this.#reader.bytes, this.#reader.start, this.#reader.end);
    let strings = false;
    let samples = 0;
    for (;;) {
      if (samples > LOOKED_INTO) samples += skipSamples(inner);
      if (!inner.next()) break;
      const { field, wireType } = inner;
      if (field < 32 && roles[field] !== 0 && ((accepts[field]! >> wireType) & 1) === 0) return false;
      if (field === 2) samples++;
      if (field === 6) strings = true;
      // What comes behind can only be more of the same.
      if (samples > 0 && strings) break;
    }
    if (inner.failed || (samples > 0 && !strings)) return false;
    this.sampleCount += samples;
    return true;
  }

  #isPacked(): boolean {
    const { bytes, start, end } = this.#reader;
    return end === start || bytes[end - 1]! < 0x80;
  }

  /** What only the whole profile tells. */
  #judgeWhole(): void {
    // D4 and D5 bring their strings along, and cannot do without if there are samples.
    if (!this.#hasStrings && this.sampleCount > 0) this.impossible |= D5_BIT;
    // A container without anything that only containers have is none.
    if (this.#seen[8] === 0 && this.#seen[2] === 0 && this.#seen[3] === 0) this.odd |= E_BIT;
  }
}

const E_BIT = 1;
const D5_BIT = 2;
