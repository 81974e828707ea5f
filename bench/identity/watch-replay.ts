import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Cluster } from "../../test/cluster/cluster.ts";
import { CopiedPods } from "./copied-pods.ts";

const PODS = "/api/v1/pods";
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const JSON_TYPE = "application/json";
type Encoding = typeof PROTOBUF | typeof JSON_TYPE;

/** Pods of a real API server in both encodings, as a list and as the events of a watch. */
export interface RecordedPods {
  readonly list: Readonly<Record<Encoding, Buffer>>;
  /** One event for each pod, framed as on the wire. */
  readonly events: Readonly<Record<Encoding, readonly Buffer[]>>;
}

/** Takes a recording of all pods as they are now. */
export async function recordPods(cluster: Cluster): Promise<RecordedPods> {
  const list = async (accept: Encoding): Promise<Buffer> => (await cluster.raw(PODS, { accept })).body;
  // Without a version a watch begins with all that there is.
  const watch = async (accept: string): Promise<Buffer> =>
    (await cluster.raw(`${PODS}?watch=1&timeoutSeconds=5`, { accept })).body;
  return {
    list: { [PROTOBUF]: await list(PROTOBUF), [JSON_TYPE]: await list(JSON_TYPE) },
    events: {
      [PROTOBUF]: framesOf(await watch(`${PROTOBUF};stream=watch`)),
      [JSON_TYPE]: linesOf(await watch(JSON_TYPE)),
    },
  };
}

/** Frames of a Kubernetes protobuf stream: a length of four bytes, big-endian, before each. */
function framesOf(stream: Buffer): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 <= stream.length;) {
    const end = at + 4 + stream.readUInt32BE(at);
    frames.push(stream.subarray(at, end));
    at = end;
  }
  return frames;
}

function linesOf(stream: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0, end; (end = stream.indexOf(10, at)) >= 0; at = end + 1) lines.push(stream.subarray(at, end + 1));
  return lines;
}

/**
 * An API server that plays recordings: it lists the pods of the first one, and sends the events of all of them, again and
 * again, at any rate; a real one writes a few hundred updates a second and takes the machine for it. Everything else that
 * is asked for is there and empty.
 */
export class WatchReplay implements AsyncDisposable {
  readonly #server: Server;
  readonly #recordings: readonly RecordedPods[];
  readonly #copies: number;
  readonly #watchers = new Map<ServerResponse, Encoding>();
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(recordings: readonly RecordedPods[], copies: number) {
    this.#recordings = recordings;
    this.#copies = copies;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** @param copies how many times each pod stands in the list, under another name; see `CopiedPods` */
  static async start(recordings: readonly RecordedPods[], copies = 1): Promise<WatchReplay> {
    const replay = new WatchReplay(recordings, copies);
    replay.#server.listen(0, "127.0.0.1");
    await once(replay.#server, "listening");
    return replay;
  }

  /** JSON is YAML too. */
  get kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo;
    return JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: "u", user: {} }],
    });
  }

  /** Sends that many events a second from now on, in portions of a hundredth of a second; 0 for none. */
  play(eventsPerSecond: number): void {
    clearInterval(this.#timer);
    if (eventsPerSecond === 0) return;
    const beganMs = performance.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - beganMs) * eventsPerSecond) / 1_000);
      this.#send(due - sent);
      sent = due;
    }, 10);
  }

  /** Who watches pods, each with the bytes that it hasn't taken yet. */
  get backlogs(): readonly number[] {
    return [...this.#watchers.keys()].map((response) => response.writableLength);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  #send(count: number): void {
    const from = this.#next;
    this.#next += count;
    for (const [response, encoding] of this.#watchers) {
      const portion: Buffer[] = [];
      for (let number = from; number < from + count; number++) portion.push(this.#event(number, encoding));
      response.write(Buffer.concat(portion));
    }
  }

  /** All pods of one recording, then all of the next. */
  #event(number: number, encoding: Encoding): Buffer {
    const { length } = this.#recordings[0]!.events[encoding];
    const recording = this.#recordings[Math.floor(number / length) % this.#recordings.length]!;
    return recording.events[encoding][number % length]!;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://replay");
    const accept = request.headers.accept ?? "";
    const encoding = accept.includes(PROTOBUF) && !accept.includes("as=") ? PROTOBUF : JSON_TYPE;
    if (searchParams.has("sendInitialEvents")) {
      // As servers that can't: the client lists.
      const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Invalid", code: 422 };
      response.writeHead(422, { "content-type": JSON_TYPE }).end(JSON.stringify(status));
    } else if (searchParams.has("watch")) {
      const type = encoding === PROTOBUF ? `${PROTOBUF};stream=watch` : JSON_TYPE;
      response.writeHead(200, { "content-type": type });
      response.flushHeaders();
      if (pathname !== PODS) return;
      this.#watchers.set(response, encoding);
      response.on("close", () => this.#watchers.delete(response));
    } else if (pathname === PODS) {
      response.writeHead(200, { "content-type": encoding });
      const { list } = this.#recordings[0]!;
      const pods =
        this.#copies === 1 ? [list[encoding]] : CopiedPods.of(list[encoding], list[JSON_TYPE], this.#copies).pieces();
      // Whoever goes away in the middle has had enough.
      pipeline(Readable.from(pods), response).catch(() => undefined);
    } else {
      const [kind, apiVersion] = accept.includes("PartialObjectMetadataList")
        ? ["PartialObjectMetadataList", "meta.k8s.io/v1"]
        : [LISTS[pathname.split("/").at(-1)!] ?? "List", pathname.split("/").slice(2, -1).join("/")];
      const list = { kind, apiVersion, metadata: { resourceVersion: "1" }, items: [] };
      response.writeHead(200, { "content-type": JSON_TYPE }).end(JSON.stringify(list));
    }
  }
}

/** Kinds of lists by resource, for clients that ask for whole objects. */
const LISTS: Readonly<Record<string, string>> = { replicasets: "ReplicaSetList", namespaces: "NamespaceList" };
