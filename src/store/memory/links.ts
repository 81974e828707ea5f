import { StoreError } from "../profile-store.ts";

/** Spans and traces that samples belong to, each once; 0 is none. */
export class LinkList {
  readonly #traces: string[] = [""];
  readonly #spans: string[] = [""];
  readonly #numbers = new Map<string, number>();

  /** @param trace 16 bytes, @param span 8 bytes; zeros and nothing mean none */
  intern(trace: Uint8Array, span: Uint8Array): number {
    const traceText = hexOf(trace);
    const spanText = hexOf(span);
    if (traceText === "" && spanText === "") return 0;
    const key = `${traceText}/${spanText}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#traces.push(traceText) - 1;
      this.#spans.push(spanText);
      this.#numbers.set(key, number);
    }
    return number;
  }

  /** Whether the link is of one of these traces or spans, in lower-case hex. */
  isOf(link: number, ids: ReadonlySet<string>): boolean {
    return link !== 0 && (ids.has(this.#traces[link]!) || ids.has(this.#spans[link]!));
  }
}

/** Which links a question is about. */
export class LinkFilter {
  readonly #list: LinkList;
  readonly #ids: ReadonlySet<string>;

  /** @param ids 16 hex digits of a span or 32 of a trace each; anything else is a `StoreError` "invalid" */
  constructor(list: LinkList, ids: readonly string[]) {
    for (const id of ids) {
      if (/^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i.test(id)) continue;
      const shown = JSON.stringify(id.slice(0, 64));
      throw new StoreError("invalid", `${shown} is no id: a span has 16 hexadecimal digits, a trace 32`);
    }
    this.#list = list;
    this.#ids = new Set(ids.map((id) => id.toLowerCase()));
  }

  has(link: number): boolean {
    return this.#list.isOf(link, this.#ids);
  }
}

function hexOf(bytes: Uint8Array): string {
  return bytes.every((byte) => byte === 0) ? "" : Buffer.from(bytes).toString("hex");
}
