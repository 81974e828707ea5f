/** One value of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \S+)?$/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", '"': '"', "\\": "\\" };

/** Reads the text format; lines that aren't samples are left out. */
export function readSamples(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const match = LINE.exec(line);
    const value = Number(match?.[3]);
    if (match === null || Number.isNaN(value)) return [];
    const labels = [...(match[2] ?? "").matchAll(LABEL)].map(([, name, escaped]): [string, string] => [
      name!,
      escaped!.replaceAll(/\\(.)/g, (whole, character: string) => ESCAPES[character] ?? whole),
    ]);
    return [{ name: match[1]!, labels: Object.fromEntries(labels), value }];
  });
}
