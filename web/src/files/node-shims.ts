/**
 * Stands in for the few things of Node that the readers of OTLP reach: vite and the benchmark resolve `node:buffer` and
 * its like to this file (see web/browser-aliases.ts). What no reader calls is refused, should it be called after all.
 */

/** Whether bytes are sound UTF-8. */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true });

/** The part of Node's Buffer that the readers use. */
class BufferShim {
  static concat(parts: readonly Uint8Array[]): Uint8Array {
    const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  static from(text: string, encoding: "hex" | "base64"): Uint8Array {
    if (encoding === "hex") {
      return Uint8Array.from({ length: text.length >>> 1 }, (_, at) =>
        Number.parseInt(text.slice(at * 2, at * 2 + 2), 16),
      );
    }
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  }
}

// The readers know it as a global, as Node has it.
(globalThis as { Buffer?: unknown }).Buffer ??= BufferShim;

function refused(): never {
  throw new Error("this part of Node is not there in a browser");
}

export const gunzipSync = refused;
export const gzipSync = refused;
export const zstdDecompressSync = refused;
export const createHash = refused;
export const existsSync = refused;
export const readFileSync = refused;
export const constants = {};
