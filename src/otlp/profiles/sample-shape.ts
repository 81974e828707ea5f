import { Reader, WireType } from "#wire";

/**
 * Which of two numberings the samples of D8 and later have. A (1.8, 1.9): 2 values, 3 attributes, 4 link. B (1.10):
 * 2 attributes, 3 link, 4 values. 1 is the stack and 5 the timestamps in both.
 */
export type SampleLayout = "A" | "B";

/** How many numbers of one field are looked at: no real sample has as many attributes. */
const MAX_NUMBERS = 256;

/** Sizes that indexes are checked against; asked for only when wire types do not decide. */
export interface TableSizes {
  readonly attributes: number;
  readonly links: number;
  /** Key of each attribute by position, -1 where unknown. */
  readonly keys: Int32Array;
  /** Whether an attribute belongs to a location or a mapping by its key. */
  readonly misplaced: (attribute: number) => boolean;
}

/** Counts what speaks against each of the two. */
export class SampleShapes {
  /** A sample has field 3 as LEN, which only A has (a link is never packed); likewise field 4 and B. */
  certainA = false;
  certainB = false;
  /** Contradictions under each hypothesis: hard ones, then soft ones, then packing. */
  hardA = 0;
  hardB = 0;
  softA = 0;
  softB = 0;
  packingA = 0;
  packingB = 0;
  /** Samples where the two differ at all. */
  telling = 0;
  readonly #reader = new Reader();
  readonly #two: number[] = [];
  readonly #three: number[] = [];
  readonly #four: number[] = [];
  /** How many numbers each of the fields has. */
  readonly #counts = new Int32Array(5);
  /** Bit f is set where field f came as a single number. */
  #unpacked = 0;
  #timestamps = 0;
  #timestampsPacked = false;

  /** Looks at the wire types of a sample only. */
  glance(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    while (reader.next()) {
      if (reader.wireType !== WireType.LEN) continue;
      if (reader.field === 3) this.certainA = true;
      else if (reader.field === 4) this.certainB = true;
    }
  }

  /** Judges a sample under both hypotheses. */
  judge(bytes: Uint8Array, start: number, end: number, sizes: TableSizes): void {
    if (!this.#read(bytes, start, end)) return;
    const [two, three, four] = [this.#two, this.#three, this.#four];
    if (two.length + three.length + four.length > 0) this.telling++;
    const counts = this.#counts;
    this.hardA += this.#hard(counts[2]!, three, four, counts[4]!, sizes);
    this.hardB += this.#hard(counts[4]!, two, three, counts[3]!, sizes);
    this.softA += soft(three, sizes);
    this.softB += soft(two, sizes);
    if (!this.#timestampsPacked) return;
    // An encoder that packs the timestamps packs all, so a single varint is no list.
    if ((this.#unpacked & (1 << 2)) !== 0) {
      this.packingA++;
      this.packingB++;
    }
    if ((this.#unpacked & (1 << 3)) !== 0) this.packingA++;
    if ((this.#unpacked & (1 << 4)) !== 0) this.packingB++;
  }

  #hard(
    values: number,
    attributes: readonly number[],
    links: readonly number[],
    linkCount: number,
    sizes: TableSizes,
  ): number {
    let violations = 0;
    if (values === 0 && this.#timestamps === 0) violations++;
    if (values > 0 && this.#timestamps > 0 && values !== this.#timestamps) violations++;
    if (attributes.some((index) => index < 0 || index >= sizes.attributes)) violations++;
    if (links.some((index) => index < 0 || index >= Math.max(1, sizes.links))) violations++;
    if (repeatsKey(attributes, sizes)) violations++;
    if (linkCount > 1) violations++;
    return violations;
  }

  /** Reads fields 2 to 5. False for a broken sample, which tells nothing. */
  #read(bytes: Uint8Array, start: number, end: number): boolean {
    const reader = this.#reader;
    this.#two.length = this.#three.length = this.#four.length = 0;
    this.#counts.fill(0);
    this.#unpacked = this.#timestamps = 0;
    this.#timestampsPacked = false;
    reader.reset(bytes, start, end);
    while (reader.next()) {
      const { field, wireType } = reader;
      if (field === 5) {
        if (wireType === WireType.FIXED64) this.#timestamps++;
        else if (wireType === WireType.LEN) {
          this.#timestamps += (reader.end - reader.start) >>> 3;
          this.#timestampsPacked = true;
        }
        continue;
      }
      if (field < 2 || field > 4) continue;
      const numbers = field === 2 ? this.#two : field === 3 ? this.#three : this.#four;
      if (wireType === WireType.VARINT) {
        this.#unpacked |= 1 << field;
        this.#counts[field]!++;
        if (numbers.length < MAX_NUMBERS) numbers.push(reader.int());
      } else if (wireType === WireType.LEN) {
        // Each varint has one byte without the continuation bit.
        for (let at = reader.start; at < reader.end; at++) if (bytes[at]! < 0x80) this.#counts[field]!++;
        for (let at = reader.start; at >= 0 && at < reader.end && numbers.length < MAX_NUMBERS;) {
          at = reader.packedVarint(at);
          if (at >= 0) numbers.push(reader.int());
        }
      }
    }
    return !reader.failed;
  }
}

function repeatsKey(attributes: readonly number[], { keys }: TableSizes): boolean {
  if (attributes.length < 2) return false;
  const seen = new Set<number>();
  for (const index of attributes) {
    const key = keys[index];
    if (key === undefined || key < 0) continue;
    if (seen.has(key)) return true;
    seen.add(key);
  }
  return false;
}

function soft(attributes: readonly number[], sizes: TableSizes): number {
  let violations = 0;
  for (const index of attributes) if (index === 0 || sizes.misplaced(index)) violations++;
  return violations;
}
