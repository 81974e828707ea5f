import { Reader, WireType } from "#wire";

/** Four bytes before every protobuf object of Kubernetes (apimachinery, runtime/serializer/protobuf). */
const MAGIC = Buffer.from("k8s\0");
// runtime.Unknown: typeMeta, raw. PodList: metadata, items.
const RAW = 2;
const ITEMS = 2;
/** Characters at the end of an id that tell copies apart. */
const TAIL = 4;

/** What of a pod, as JSON, has to differ from copy to copy. */
interface Named {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly status?: { readonly containerStatuses?: readonly { readonly containerID?: string }[] };
}

/** The bytes of a pod, and where the ends of its ids and names stand in them. */
interface Original {
  readonly bytes: Buffer;
  readonly tails: readonly number[];
}

/**
 * A list of pods, each of them many times: real objects whose names, uids, owners and container ids differ from copy to
 * copy in their last characters, so that each stays as long as it was. A real server with a hundred thousand pods takes 16
 * GB and twenty minutes to fill.
 */
export class CopiedPods {
  readonly #head: Buffer;
  readonly #originals: readonly Original[];
  readonly #copies: number;
  readonly #isJson: boolean;

  private constructor(head: Buffer, originals: readonly Original[], copies: number, isJson: boolean) {
    this.#head = head;
    this.#originals = originals;
    this.#copies = copies;
    this.#isJson = isJson;
  }

  /** @param json the same list as JSON, in the same order; also where `list` is JSON itself */
  static of(list: Buffer, json: Buffer, copies: number): CopiedPods {
    const { items, ...rest } = JSON.parse(json.toString()) as { items: Named[] };
    const isJson = list[0] === json[0];
    const bytes = isJson ? items.map((item) => Buffer.from(JSON.stringify(item))) : itemsOf(list);
    const originals = bytes.map((each, at) => ({ bytes: each, tails: tailsOf(each, items[at]!) }));
    const head = isJson
      ? Buffer.from(`${JSON.stringify(rest).slice(0, -1)},"items":[`)
      : headOf(list, copies, originals);
    return new CopiedPods(head, originals, copies, isJson);
  }

  /** The list in pieces, as it goes over the wire. */
  *pieces(): Generator<Buffer> {
    const head = this.#head;
    yield head;
    for (let copy = 0; copy < this.#copies; copy++) {
      const tail = copy.toString(16).padStart(TAIL, "0");
      const pieces = this.#originals.flatMap(({ bytes, tails }, at) => {
        const made = Buffer.from(bytes);
        for (const position of tails) made.write(tail, position, "latin1");
        const isLast = copy === this.#copies - 1 && at === this.#originals.length - 1;
        return this.#isJson ? [made, Buffer.from(isLast ? "]}" : ",")] : [itemPrefix(made.length), made];
      });
      yield Buffer.concat(pieces);
    }
  }
}

/** Where the last characters of what differs stand: of the whole texts, so that none is taken for a part of another. */
function tailsOf(bytes: Buffer, { metadata, status }: Named): number[] {
  const hash = metadata.labels?.["pod-template-hash"] ?? "";
  const texts = [
    metadata.uid,
    metadata.name,
    hash,
    ...(metadata.ownerReferences ?? []).map(({ uid }) => uid),
    ...(status?.containerStatuses ?? []).map(({ containerID = "" }) => containerID),
  ].filter((text) => text.length > TAIL);
  const tails: number[] = [];
  for (const text of texts) {
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + text.length)) {
      tails.push(at + text.length - TAIL);
    }
  }
  return tails;
}

function itemsOf(list: Buffer): Buffer[] {
  const items: Buffer[] = [];
  const raw = rawOf(list);
  const reader = new Reader();
  reader.reset(raw, 0, raw.length);
  while (reader.next()) {
    if (reader.field === ITEMS && reader.wireType === WireType.LEN) items.push(raw.subarray(reader.start, reader.end));
  }
  return items;
}

function rawOf(list: Buffer): Buffer {
  const reader = new Reader();
  reader.reset(list, MAGIC.length, list.length);
  while (reader.next()) if (reader.field === RAW) return list.subarray(reader.start, reader.end);
  throw new Error("a list without content");
}

/** All before the items: what the list says of itself, with the length that the copies give it. */
function headOf(list: Buffer, copies: number, originals: readonly Original[]): Buffer {
  const raw = rawOf(list);
  const before: Buffer[] = [];
  const about: Buffer[] = [];
  const reader = new Reader();
  reader.reset(list, MAGIC.length, list.length);
  while (reader.next()) if (reader.field !== RAW) before.push(list.subarray(reader.fieldStart, reader.position));
  reader.reset(raw, 0, raw.length);
  while (reader.next()) if (reader.field !== ITEMS) about.push(raw.subarray(reader.fieldStart, reader.position));
  const ofCopy = originals.reduce((sum, { bytes }) => sum + itemPrefix(bytes.length).length + bytes.length, 0);
  const length = about.reduce((sum, { length: each }) => sum + each, 0) + copies * ofCopy;
  return Buffer.concat([MAGIC, ...before, lengthPrefix(RAW, length), ...about]);
}

function itemPrefix(length: number): Buffer {
  return lengthPrefix(ITEMS, length);
}

function lengthPrefix(field: number, length: number): Buffer {
  const bytes = [(field << 3) | WireType.LEN];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}
