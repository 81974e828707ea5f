/** Images for containerd without a registry: a folder becomes a layer of an OCI image layout, in one tar file. */
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Debian's statically linked BusyBox (busybox-static). */
export const BUSYBOX = "/bin/busybox";

/** What an image holds: where in the image → file of this machine. */
export type ImageFiles = Readonly<Record<string, string>>;

/**
 * Writes an image with BusyBox and these files as a tar in `workFolder`; returns its path. `name` is what containerd
 * will know it by, e.g. `localhost/burn:1`. Who runs it without a command gets one that waits, as a sandbox does.
 */
export async function writeImage(workFolder: string, name: string, files: ImageFiles): Promise<string> {
  const folder = join(workFolder, name.replaceAll(/\W/g, "-"));
  const [root, layout] = [join(folder, "root"), join(folder, "layout")];
  await layRootFileSystem(root, files);

  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  const add = async (content: Uint8Array): Promise<{ digest: string; size: number }> => {
    const hash = createHash("sha256").update(content).digest("hex");
    await writeFile(join(layout, "blobs/sha256", hash), content);
    return { digest: `sha256:${hash}`, size: content.length };
  };
  const addJson = (value: object): Promise<{ digest: string; size: number }> => add(Buffer.from(JSON.stringify(value)));
  const media = (kind: string): string => `application/vnd.oci.image.${kind}`;

  const layerFile = join(folder, "layer.tar");
  await run("tar", ["-C", root, "--owner=0", "--group=0", "--numeric-owner", "-cf", layerFile, "."]);
  const layer = await add(await readFile(layerFile));
  const config = await addJson({
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: ["/bin/sleep", "2147483647"] },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  });
  const manifest = await addJson({
    schemaVersion: 2,
    mediaType: media("manifest.v1+json"),
    config: { mediaType: media("config.v1+json"), ...config },
    layers: [{ mediaType: media("layer.v1.tar"), ...layer }],
  });
  const annotations = { "io.containerd.image.name": name };
  const index = { schemaVersion: 2, manifests: [{ mediaType: media("manifest.v1+json"), ...manifest, annotations }] };
  await writeFile(join(layout, "index.json"), JSON.stringify(index));
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const image = join(folder, "image.tar");
  await run("tar", ["-C", layout, "-cf", image, "."]);
  return image;
}

/** A root file system: BusyBox under the names that tests use, the folders that mounts need, and the files. */
export async function layRootFileSystem(root: string, files: ImageFiles): Promise<void> {
  for (const folder of ["bin", "dev", "etc", "lib", "lib64", "opt", "proc", "sys", "tmp", "usr/lib"]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await copyFile(BUSYBOX, join(root, "bin/busybox"));
  for (const applet of ["sh", "sleep", "cat", "ln", "mkfifo", "true"]) {
    await symlink("busybox", join(root, "bin", applet));
  }
  for (const [inside, here] of Object.entries(files)) {
    const target = join(root, inside);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(here, target);
    await chmod(target, 0o755);
  }
}
