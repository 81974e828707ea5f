/** The parts of a container image's name; empty where the name lacks them. */
export interface ImageReference {
  /** With registry and port, e.g. `registry.example.com:5000/team/app`. */
  readonly repository: string;
  readonly tag: string;
  /** With its algorithm, e.g. `sha256:…`. */
  readonly digest: string;
}

// The grammar of image names: github.com/distribution/reference.
const REPOSITORY = /^[a-zA-Z0-9]+(?:[._\-:/]+[a-zA-Z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** Takes an image's name apart; undefined where it is none. */
export function parseImage(image: string): ImageReference | undefined {
  const at = image.indexOf("@");
  const named = at < 0 ? image : image.slice(0, at);
  const digest = at < 0 ? "" : image.slice(at + 1);
  // A colon before the last slash belongs to the registry's port.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const repository = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? "" : named.slice(colon + 1);
  if (!REPOSITORY.test(repository)) return undefined;
  if (colon >= 0 && !TAG.test(tag)) return undefined;
  if (at >= 0 && !DIGEST.test(digest)) return undefined;
  return { repository, tag, digest };
}

/**
 * The image as the registry knows it, `name@digest`, from a status's imageID; undefined where that holds no name, as
 * for images that were never pulled.
 */
export function repoDigest(imageId: string): string | undefined {
  const image = imageId.replace(/^[a-z-]+:\/\//, "");
  const parsed = parseImage(image);
  return parsed !== undefined && parsed.digest !== "" ? image : undefined;
}
