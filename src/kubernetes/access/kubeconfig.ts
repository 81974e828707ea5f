import { parse } from "yaml";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { KubernetesConfigError } from "../errors.ts";

/** An entry of a kubeconfig, with the file that it came from. */
export interface KubeconfigEntry {
  readonly values: Readonly<Record<string, unknown>>;
  /** The file; relative paths in the entry start at its folder. */
  readonly file: string;
}

/** Several kubeconfigs as one: for each name the first file that has it counts, as with kubectl. */
export interface Kubeconfig {
  readonly files: readonly string[];
  readonly currentContext: string;
  readonly clusters: ReadonlyMap<string, KubeconfigEntry>;
  readonly contexts: ReadonlyMap<string, KubeconfigEntry>;
  readonly users: ReadonlyMap<string, KubeconfigEntry>;
}

/**
 * Reads the kubeconfig at `path`; without one those of $KUBECONFIG, of which some may be missing, or ~/.kube/config.
 * Rejects with `KubernetesConfigError`.
 */
export async function loadKubeconfig(
  path: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Kubeconfig> {
  const named = path ? [path] : (environment["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  const files = named.length > 0 ? named : [join(environment["HOME"] ?? homedir(), ".kube", "config")];
  const found: string[] = [];
  const merged = { currentContext: "", clusters: new Map(), contexts: new Map(), users: new Map() } as {
    currentContext: string;
    clusters: Map<string, KubeconfigEntry>;
    contexts: Map<string, KubeconfigEntry>;
    users: Map<string, KubeconfigEntry>;
  };
  for (const name of files) {
    const file = resolve(name);
    const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT" && path === undefined) return undefined;
      throw new KubernetesConfigError("cannot read the kubeconfig", file, "check the path and its permissions", {
        cause,
      });
    });
    if (text === undefined) continue;
    found.push(file);
    const config = await parseKubeconfig(text, file);
    merged.currentContext ||= stringOf(config["current-context"]);
    addEntries(merged.clusters, config["clusters"], "cluster", file);
    addEntries(merged.contexts, config["contexts"], "context", file);
    addEntries(merged.users, config["users"], "user", file);
  }
  if (found.length === 0) {
    const remedy = "set KUBECONFIG or kube_config_path, or use auth_type: serviceAccount in a pod";
    throw new KubernetesConfigError("there is no kubeconfig", files.map((file) => resolve(file)).join(", "), remedy);
  }
  return { files: found, ...merged };
}

async function parseKubeconfig(text: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  // Loaded late: not every process reads YAML here.
  let value: unknown;
  try {
    value = parse(text, { prettyErrors: false });
  } catch (error) {
    // Without cause: the parser's message may quote the line, and with it a token.
    const position = (error as { readonly pos?: readonly number[] }).pos?.[0];
    const line = position === undefined ? "" : ` (line ${text.slice(0, position).split("\n").length})`;
    throw new KubernetesConfigError(`the kubeconfig is not YAML${line}`, file, "correct it");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new KubernetesConfigError("the kubeconfig is not a map", file, "write one with kubectl config");
}

function addEntries(
  into: Map<string, KubeconfigEntry>,
  list: unknown,
  kind: "cluster" | "context" | "user",
  file: string,
): void {
  if (list === undefined || list === null) return;
  if (!Array.isArray(list)) {
    throw new KubernetesConfigError(`${kind}s is not a list`, file, "write it with kubectl config");
  }
  for (const [index, entry] of (list as unknown[]).entries()) {
    const { name, [kind]: values } = (typeof entry === "object" && entry !== null ? entry : {}) as Record<
      string,
      unknown
    >;
    if (typeof name !== "string" || (typeof values !== "object" && values !== undefined)) {
      throw new KubernetesConfigError(`expected name and ${kind}`, `${file}: ${kind}s[${index}]`, "correct the entry");
    }
    if (!into.has(name)) into.set(name, { values: (values ?? {}) as Record<string, unknown>, file });
  }
}

/** Text of a kubeconfig; empty for anything else. */
export function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A path written in the entry of a kubeconfig. */
export function pathIn(entry: KubeconfigEntry, path: string): string {
  return resolve(dirname(entry.file), path);
}
