import type { SourceState } from "#identity";

/**
 * Whether a source's last attempt to hear of pods went well; where it has parts, that of any of them. Other objects may be
 * missing.
 */
export function hearsOfPods({ lastError, watches, parts }: SourceState): boolean {
  if (parts !== undefined) return parts.some(hearsOfPods);
  const pods = watches?.find(({ resource }) => resource === "pods");
  return (pods === undefined ? lastError : pods.lastError) === undefined;
}
