/** The labels or annotations that somebody wants; the same map where that is all of them. */
export function keptTexts(
  texts: ReadonlyMap<string, string>,
  wanted: (key: string) => boolean,
): ReadonlyMap<string, string> {
  for (const key of texts.keys()) if (!wanted(key)) return new Map([...texts].filter(([other]) => wanted(other)));
  return texts;
}
