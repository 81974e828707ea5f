/**
 * Which of two names of one function a person expects: `write` rather than `__write`, then the shorter, and always the
 * same whatever order they come in.
 */
export function isPreferredName(name: string, other: string): boolean {
  const underscores = leadingUnderscores(name) - leadingUnderscores(other);
  if (underscores !== 0) return underscores < 0;
  if (name.length !== other.length) return name.length < other.length;
  return name < other;
}

function leadingUnderscores(name: string): number {
  let count = 0;
  while (name[count] === "_") count++;
  return count;
}
