import type { Format, FormatName } from "./format.ts";

/** Every format, in the order in which `detectFormat` tries them. */
export const FORMATS: readonly Format[] = [];

/** The format of that name, if it is one. */
export function formatNamed(name: string): Format | undefined {
  return FORMATS.find((format) => format.name === name);
}

/** The format that a file name ends like; longer endings win (`.speedscope.json` over `.json`). */
export function formatByFileName(fileName: string): Format | undefined {
  const name = fileName.toLowerCase().replace(/\.(?:gz|zst)$/, "");
  let best: { readonly format: Format; readonly length: number } | undefined;
  for (const format of FORMATS) {
    for (const extension of format.extensions) {
      const matches = name.endsWith(extension) || fileName.toLowerCase().endsWith(extension);
      if (matches && extension.length > (best?.length ?? 0)) best = { format, length: extension.length };
    }
  }
  return best?.format;
}

/**
 * Tells what a file is from its bytes; the name only decides where the bytes leave it open. Undefined for what is none
 * of `FORMATS` (OTLP among them: ask `#otlp` first or afterwards, no request looks like a pprof file).
 */
export function detectFormat(_bytes: Uint8Array, fileName?: string): FormatName | undefined {
  return fileName === undefined ? undefined : formatByFileName(fileName)?.name;
}
