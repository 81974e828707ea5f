import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The root of this repository. */
export const REPOSITORY = resolve(import.meta.dirname, "../..");

/** Where built peers are: `PODFLAME_PEERS`, as the build scripts of the peers have it. */
export const PEERS = process.env["PODFLAME_PEERS"] ?? join(homedir(), ".cache/podflame-peers");

/** Where the scripts that build and run peers are: `PODFLAME_PEERS_SCRIPTS`, or beside this repository. */
export const PEERS_SCRIPTS = process.env["PODFLAME_PEERS_SCRIPTS"] ?? resolve(REPOSITORY, "../shared/peers");

/** Programs that others made and that podflame is tested and measured with. */
export type PeerProgram = "etcd" | "kube-apiserver" | "otelcol" | "loadgen";

/** Path of a built peer; whether it is there is told by `missingPeers`. */
export function peerProgram(name: PeerProgram): string {
  return join(PEERS, "bin", name);
}

/**
 * What is not on this machine of what the caller wants, each with its remedy; empty when all is there. The scripts of
 * the API server count as missing with it.
 */
export function missingPeers(wanted: readonly PeerProgram[]): readonly string[] {
  const remedies: Readonly<Record<PeerProgram, string>> = {
    etcd: `${PEERS_SCRIPTS}/kubernetes/build.sh makes it`,
    "kube-apiserver": `${PEERS_SCRIPTS}/kubernetes/build.sh makes it`,
    otelcol: `${PEERS_SCRIPTS}/otelcol/build.sh makes it`,
    loadgen: `in ${PEERS_SCRIPTS}/loadgen: go build -o ${PEERS}/bin/loadgen .`,
  };
  const missing = wanted
    .filter((name) => !existsSync(peerProgram(name)))
    .map((name) => `${peerProgram(name)} (${remedies[name]})`);
  const upScript = join(PEERS_SCRIPTS, "kubernetes/up.sh");
  if (wanted.includes("kube-apiserver") && !existsSync(upScript)) {
    missing.push(`${upScript} (PODFLAME_PEERS_SCRIPTS names the folder of the scripts)`);
  }
  return missing;
}
