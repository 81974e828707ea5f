/** The line that begins a sample of `perf script`. */
export interface PerfHeader {
  /** Name of the thread; empty where not printed. */
  readonly comm: string;
  readonly pid: bigint | undefined;
  readonly tid: bigint;
  readonly cpu: bigint | undefined;
  /** Nanoseconds of perf's clock, which usually began with the machine. */
  readonly time: bigint | undefined;
  readonly period: bigint | undefined;
  readonly event: string;
  /** What follows the event on the same line: a frame, or fields of a tracepoint. */
  readonly rest: string;
}

/** A line of a stack. */
export interface PerfFrame {
  readonly address: bigint;
  /** Without offset; empty where not known. */
  readonly symbol: string;
  /** Empty where not known. */
  readonly dso: string;
  readonly inlined: boolean;
}

/** More tokens than any header has; tracepoints may be followed by text of any length. */
const MAX_TOKENS = 64;

/**
 * `comm pid/tid [cpu] time: period event: rest`, of which perf prints all but tid and event only if told. Undefined for
 * any other line. Looks at each token once: names of threads may hold spaces and digits.
 */
export function parsePerfHeader(line: string): PerfHeader | undefined {
  const tokens = line.slice(0, 4096).trim().split(/\s+/, MAX_TOKENS);
  for (let at = 0; at < tokens.length - 1; at++) {
    const ids = /^(?:(-?\d+)\/)?(-?\d+)$/.exec(tokens[at]!);
    if (!ids) continue;
    let next = at + 1;
    const cpu = /^\[(\d+)\]$/.exec(tokens[next]!)?.[1];
    if (cpu !== undefined) next++;
    const time = /^(\d+)\.(\d{1,9}):$/.exec(tokens[next] ?? "");
    if (time) next++;
    const period = /^\d{1,19}$/.exec(tokens[next] ?? "")?.[0];
    if (period !== undefined) next++;
    const event = /^(\S*[^\s\d.]\S*):$/.exec(tokens[next] ?? "")?.[1];
    if (event === undefined) continue;
    return {
      comm: tokens.slice(0, at).join(" "),
      pid: ids[1] === undefined ? undefined : BigInt(ids[1]),
      tid: BigInt(ids[2]!),
      cpu: cpu === undefined ? undefined : BigInt(cpu),
      time: time ? BigInt(time[1]!) * 1_000_000_000n + BigInt(time[2]!.padEnd(9, "0")) : undefined,
      period: period === undefined ? undefined : BigInt(period),
      event,
      rest: tokens.slice(next + 1).join(" "),
    };
  }
  return undefined;
}

/** `address symbol+offset (dso)`; undefined for any other line. */
export function parsePerfFrame(line: string): PerfFrame | undefined {
  const text = line.trim();
  const space = text.indexOf(" ");
  const address = space < 0 ? text : text.slice(0, space);
  if (!/^[0-9a-f]{1,16}$/.test(address)) return undefined;
  let symbol = space < 0 ? "" : text.slice(space + 1).trim();
  let dso = "";
  if (symbol.endsWith(")")) {
    // The file of a binary that is gone is followed by "(deleted)".
    const deleted = symbol.endsWith(" (deleted))");
    const open = symbol.lastIndexOf("(", deleted ? symbol.length - " (deleted))".length - 1 : symbol.length);
    // A parenthesis without a space ahead of it belongs to the symbol, as in C++.
    if (open === 0 || symbol[open - 1] === " ") {
      dso = symbol.slice(open + 1, deleted ? -" (deleted))".length : -1);
      symbol = symbol.slice(0, open).trim();
    }
  }
  const inlined = dso === "inlined";
  return {
    address: BigInt(`0x${address}`),
    symbol: symbol === "[unknown]" ? "" : symbol.replace(/\+0x[0-9a-f]{1,16}$/, ""),
    dso: inlined || dso === "[unknown]" ? "" : dso,
    inlined,
  };
}
