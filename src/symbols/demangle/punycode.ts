import { fail } from "./budget.ts";

/** Parameters of RFC 3492, section 5. */
const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_CODE = 0x80;

/**
 * Decodes Punycode (RFC 3492).
 *
 * @param basic the characters that stand as they are
 * @param deltas where the others come in between, and which they are
 */
export function decodePunycode(basic: string, deltas: string): string {
  const output = Array.from(basic);
  let code = INITIAL_CODE;
  let bias = INITIAL_BIAS;
  let index = 0;
  for (let at = 0; at < deltas.length;) {
    const before = index;
    let weight = 1;
    for (let k = BASE; ; k += BASE) {
      const digit = digitOf(deltas[at++]);
      index += digit * weight;
      if (index > 0x7fffffff) fail();
      const threshold = Math.min(Math.max(k - bias, T_MIN), T_MAX);
      if (digit < threshold) break;
      weight *= BASE - threshold;
    }
    const length = output.length + 1;
    bias = adapted(index - before, length, before === 0);
    code += Math.floor(index / length);
    index %= length;
    if (code > 0x10ffff) fail();
    output.splice(index++, 0, String.fromCodePoint(code));
  }
  return output.join("");
}

function digitOf(character: string | undefined): number {
  if (character === undefined) return fail();
  if (character >= "a" && character <= "z") return character.charCodeAt(0) - 97;
  if (character >= "0" && character <= "9") return character.charCodeAt(0) - 22;
  return fail();
}

function adapted(delta: number, length: number, isFirst: boolean): number {
  let rest = Math.floor(delta / (isFirst ? DAMP : 2));
  rest += Math.floor(rest / length);
  let k = 0;
  for (; rest > ((BASE - T_MIN) * T_MAX) / 2; k += BASE) rest = Math.floor(rest / (BASE - T_MIN));
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}
