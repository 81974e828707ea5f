/**
 * Executables that the kernel runs and whose tables lie: it looks at program headers only, so all that names functions
 * (section headers, symbols, notes) may hold anything. Offsets are those of elf(5), 64 bit, little endian.
 */

const SECTION_HEADER_OFFSET = 40;
const PROGRAM_HEADER_OFFSET = 32;
const PROGRAM_HEADER_COUNT = 56;
const SECTION_COUNT = 60;
const SECTION_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const PT_LOAD = 1;
const SHT_NOTE = 7;
const HUGE = 2n ** 60n;

/** Where a section header's fields are. */
const Field = { NAME: 0, TYPE: 4, OFFSET: 24, SIZE: 32, LINK: 40, ENTRY_SIZE: 56 } as const;

type Corruption = (elf: Buffer) => void;

/** What can be done to an executable. */
export const CORRUPTIONS: Readonly<Record<string, Corruption>> = {
  "section-headers-past-the-end": (elf) => elf.writeBigUInt64LE(HUGE, SECTION_HEADER_OFFSET),
  "more-sections-than-bytes": (elf) => elf.writeUInt16LE(0xffff, SECTION_COUNT),
  "sections-of-an-exabyte": (elf) => eachSection(elf, (at) => elf.writeBigUInt64LE(HUGE, at + Field.SIZE)),
  "sections-that-begin-nowhere": (elf) =>
    eachSection(elf, (at) => elf.writeBigUInt64LE(-1n & (HUGE * 16n - 1n), at + Field.OFFSET)),
  "sections-linked-to-themselves": (elf) => eachSection(elf, (at, index) => elf.writeUInt32LE(index, at + Field.LINK)),
  "entries-without-size": (elf) => eachSection(elf, (at) => elf.writeBigUInt64LE(0n, at + Field.ENTRY_SIZE)),
  "names-past-the-end": (elf) => eachSection(elf, (at) => elf.writeUInt32LE(0xffff_ffff, at + Field.NAME)),
  "notes-that-do-not-end": (elf) =>
    eachSection(elf, (at) => {
      if (elf.readUInt32LE(at + Field.TYPE) !== SHT_NOTE) return;
      const note = Number(elf.readBigUInt64LE(at + Field.OFFSET));
      elf.fill(0xff, note, note + 8);
    }),
  "random-tables": (elf) => {
    // A fixed sequence (xorshift), so that a failure can be repeated.
    let state = 2463534242;
    for (let at = endOfLoaded(elf); at < elf.length; at++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      elf[at] = state & 0xff;
    }
  },
};

function eachSection(elf: Buffer, change: (at: number, index: number) => void): void {
  const first = Number(elf.readBigUInt64LE(SECTION_HEADER_OFFSET));
  for (let index = 0; index < elf.readUInt16LE(SECTION_COUNT); index++) change(first + index * SECTION_BYTES, index);
}

/** Behind the last byte that the kernel maps. */
function endOfLoaded(elf: Buffer): number {
  const first = Number(elf.readBigUInt64LE(PROGRAM_HEADER_OFFSET));
  let end = 0;
  for (let index = 0; index < elf.readUInt16LE(PROGRAM_HEADER_COUNT); index++) {
    const at = first + index * PROGRAM_HEADER_BYTES;
    if (elf.readUInt32LE(at) === PT_LOAD) {
      end = Math.max(end, Number(elf.readBigUInt64LE(at + 8) + elf.readBigUInt64LE(at + 32)));
    }
  }
  return end;
}
