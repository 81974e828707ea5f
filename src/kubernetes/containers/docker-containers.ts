import type { IncomingMessage } from "node:http";
import { nodeHttp } from "#node-http";
import { asObject } from "../decoding/envelope.ts";
import { ApiFormatError } from "../errors.ts";
import type { ContainerLister, PlainContainer } from "./plain-container.ts";

/** Of Docker 19.03 and later; also podman's. */
const PATH = "/v1.40/containers/json?all=true";
/** Some thousand containers. */
const MAX_BYTES = 8 << 20;

/** Lists what docker has, by the API at its socket (Docker, podman's compatible one). */
export function dockerContainers(socket: string): ContainerLister {
  return {
    from: `docker at ${socket}`,
    scheme: "docker",
    list: async (signal) => readDockerContainers(await get(socket, signal)),
    close: () => Promise.resolve(),
  };
}

/**
 * The answer to `GET /containers/json`. Entries without an id are left out; other fields that are odd count as absent.
 * @throws ApiFormatError for what is no list
 */
export function readDockerContainers(bytes: Buffer): readonly PlainContainer[] {
  let list: unknown;
  try {
    list = JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new ApiFormatError("docker's answer is no JSON", { cause });
  }
  if (!Array.isArray(list)) throw new ApiFormatError("docker's answer is no list");
  return list.map(asObject).flatMap((entry) => {
    const { Id: id, Names: names, Image: image, ImageID: imageId, Labels: labels, Created: created } = entry;
    if (typeof id !== "string" || id === "") return [];
    const name: unknown = Array.isArray(names) ? names[0] : undefined;
    const texts = Object.entries(asObject(labels)).filter(
      (pair): pair is [string, string] => typeof pair[1] === "string",
    );
    return {
      id,
      name: typeof name === "string" ? name.replace(/^\//, "") : "",
      image: typeof image === "string" ? image : "",
      imageId: typeof imageId === "string" ? imageId : "",
      labels: new Map(texts),
      createdMs: typeof created === "number" ? created * 1000 : 0,
    };
  });
}

function get(socketPath: string, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // docker wants a name, whichever.
    const options = { socketPath, path: PATH, headers: { host: "docker" }, agent: false, signal };
    const request = nodeHttp.get(options, (response) => void collect(response).then(resolve, reject));
    request.once("error", reject);
  });
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const { statusCode } = response;
  if (statusCode !== 200) {
    response.destroy();
    throw Object.assign(new Error(`docker answered HTTP ${statusCode}`), { code: `http_${statusCode}` });
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new ApiFormatError(`docker's answer is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
