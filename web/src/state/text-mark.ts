/** FNV-1a over UTF-16 units, 32 bits: short stable marks of long texts, for the address. Not for anything secret. */
export function textMark(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(36);
}
