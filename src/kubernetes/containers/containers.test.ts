import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { ManualClock, MetricRegistry, silentLogger } from "#telemetry";
import { Writer } from "#wire";
import type { CriConnection } from "../cri/follow-cri.ts";
import { ApiFormatError } from "../errors.ts";
import { RecordingSink } from "../fixtures/recording-sink.ts";
import type { PodObject } from "../objects.ts";
import { containerdContainers, readContainers, readNamespaces } from "./containerd-containers.ts";
import { dockerContainers, readDockerContainers } from "./docker-containers.ts";
import { followContainers } from "./follow-containers.ts";
import type { ContainerLister, PlainContainer } from "./plain-container.ts";

const ID = "1".repeat(64);

function message(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  return Buffer.from(writer.finish());
}

function inField(writer: Writer, field: number, write: () => void): void {
  writer.open(field);
  write();
  writer.close();
}

const NAMESPACES = message((writer) => {
  for (const name of ["default", "k8s.io", "moby", "buildkit"]) inField(writer, 1, () => writer.string(1, name));
});

const containerMessage = (labels: Readonly<Record<string, string>>): Buffer =>
  message((writer) =>
    inField(writer, 1, () => {
      writer.string(1, ID);
      for (const [key, value] of Object.entries(labels)) {
        inField(writer, 2, () => {
          writer.string(1, key);
          writer.string(2, value);
        });
      }
      writer.string(3, "docker.io/library/nginx:1.27");
      inField(writer, 8, () => {
        writer.varint(1, 1_700_000_000);
        writer.varint(2, 500_000_000);
      });
    }),
  );

describe("containerd", () => {
  test("tells id, image and when it was made; nerdctl's name where there is one", () => {
    const known = { id: ID, image: "docker.io/library/nginx:1.27", imageId: "", createdMs: 1_700_000_000_500 };
    expect(readContainers(containerMessage({ "nerdctl/name": "web" }))).toEqual([
      { ...known, name: "web", labels: new Map([["nerdctl/name", "web"]]) },
    ]);
    expect(readContainers(containerMessage({}))).toEqual([{ ...known, name: ID, labels: new Map() }]);
  });

  test("is asked for all namespaces but the kubelet's and docker's, and a list that breaks off is none", async () => {
    const asked: string[] = [];
    let end = "grpc_0";
    const connection: CriConnection = {
      call: () => Promise.resolve(NAMESPACES),
      follow(_method, _request, onMessage, _signal, headers = {}) {
        asked.push(headers["containerd-namespace"]!);
        onMessage(containerMessage({}));
        return Promise.resolve(Object.assign(new Error("over"), { code: end }));
      },
      close: () => Promise.resolve(),
    };
    const lister = containerdContainers(connection, "/run/fake.sock");
    expect(await lister.list(new AbortController().signal)).toHaveLength(2);
    expect(asked).toEqual(["default", "buildkit"]);
    end = "grpc_14";
    await expect(lister.list(new AbortController().signal)).rejects.toThrow("over");
  });

  test("broken bytes of it are a format error, or read as far as they go", () => {
    const answers = (read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean => {
      try {
        read(bytes);
        return true;
      } catch (error) {
        return error instanceof ApiFormatError;
      }
    };
    for (const [read, whole] of [
      [readContainers, containerMessage({ "nerdctl/name": "web" })],
      [readNamespaces, NAMESPACES],
    ] as const) {
      fc.assert(
        fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
          const changed = Uint8Array.from(whole);
          changed[at] = value;
          return answers(read, changed) && answers(read, changed.subarray(0, at));
        }),
        { numRuns: 500 },
      );
      fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => answers(read, bytes)));
    }
  });
});

const DOCKER_LIST = [
  {
    Id: ID,
    Names: ["/shop-web-1"],
    Image: "nginx:1.27",
    ImageID: `sha256:${"a".repeat(64)}`,
    Created: 1_700_000_000,
    Labels: { "com.docker.compose.project": "shop", "com.docker.compose.service": "web" },
    State: "running",
  },
];

async function docker(answer: (response: ServerResponse, url: string) => void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "podflame-docker-"));
  const socket = join(folder, "docker.sock");
  const server: Server = createServer((request, response) => answer(response, request.url ?? ""));
  await new Promise<void>((resolve) => void server.listen(socket, resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  return socket;
}

describe("docker", () => {
  test("is asked at its socket and tells names, images and compose's labels", async () => {
    const asked: string[] = [];
    const socket = await docker((response, url) => {
      asked.push(url);
      response.end(JSON.stringify(DOCKER_LIST));
    });
    expect(await dockerContainers(socket).list(new AbortController().signal)).toEqual([
      {
        id: ID,
        name: "shop-web-1",
        image: "nginx:1.27",
        imageId: `sha256:${"a".repeat(64)}`,
        labels: new Map(Object.entries(DOCKER_LIST[0]!.Labels)),
        createdMs: 1_700_000_000_000,
      },
    ]);
    expect(asked).toEqual(["/v1.40/containers/json?all=true"]);
  });

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ["an error", (response) => void response.writeHead(500).end("no"), /HTTP 500/],
    ["no JSON", (response) => void response.end("<html>"), /no JSON/],
    ["no list", (response) => void response.end("{}"), /no list/],
    [
      "half an answer",
      (response) => void response.writeHead(200, { "content-length": "9" }).write("[", () => response.destroy()),
      /aborted|hang up/,
    ],
    ["far too much", (response) => void response.end(Buffer.alloc(9 << 20, 0x20)), /longer than/],
  ])("that answers with %s has told nothing", async (_what, answer, problem) => {
    const socket = await docker(answer);
    await expect(dockerContainers(socket).list(new AbortController().signal)).rejects.toThrow(problem);
  });

  test("that isn't there, or doesn't answer in time, fails", async () => {
    await expect(dockerContainers("/nowhere.sock").list(new AbortController().signal)).rejects.toThrow("ENOENT");
    const socket = await docker(() => undefined);
    await expect(dockerContainers(socket).list(AbortSignal.timeout(10))).rejects.toThrow(/abort|timeout/i);
  });

  test("is read as far as its entries go", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (list) => {
        const read = readDockerContainers(Buffer.from(JSON.stringify(list)));
        expect(read.every(({ id, name }) => id !== "" && typeof name === "string")).toBe(true);
      }),
    );
  });
});

describe("containers of a machine", () => {
  const one = (id: string, name: string): PlainContainer => ({
    id,
    name,
    image: "nginx:1",
    imageId: "",
    labels: new Map([
      ["app", "web"],
      ["other", "x"],
    ]),
    createdMs: 5,
  });
  const lister = (scheme: string, list: () => Promise<readonly PlainContainer[]>): ContainerLister => ({
    from: `${scheme} here`,
    scheme,
    list,
    close: () => Promise.resolve(),
  });

  test("are told by all runtimes that are there, and one that stops answering takes nothing back", async () => {
    const clock = new ManualClock();
    let dockerAnswer = (): Promise<readonly PlainContainer[]> => Promise.resolve([one("d", "web")]);
    const [told, polls]: [PodObject[], string[]] = [[], []];
    const following = followContainers({
      listers: [
        lister("docker", () => dockerAnswer()),
        lister("containerd", () => Promise.resolve([one("c", "job")])),
        lister("podman", () => Promise.reject(new Error("not here"))),
      ],
      intervalMs: 2_000,
      nodeName: "node-1",
      keys: { label: (key) => key === "app", annotation: () => false },
      sink: {
        listing: () => void told.splice(0),
        upsert: (pod) => void told.push(pod),
        remove: () => undefined,
        listed: () => void polls.push(told.map(({ containers }) => containers[0]!.containerId).join()),
      },
      telemetry: { clock, metrics: new MetricRegistry(), logger: silentLogger },
    });
    onTestFinished(() => following.stop());
    await clock.advance(0);
    expect(polls).toEqual(["docker://d,containerd://c"]);
    expect(told[0]).toMatchObject({
      uid: "",
      name: "",
      namespace: "",
      nodeName: "node-1",
      labels: new Map([["app", "web"]]),
    });
    expect(told[0]!.containers).toMatchObject([{ name: "web", image: "nginx:1" }]);
    dockerAnswer = () => Promise.reject(new Error("docker is restarted"));
    await clock.advance(2_000);
    expect([polls.length, following.state().lastError]).toEqual([1, "docker is restarted"]);
    dockerAnswer = () => Promise.resolve([]);
    await clock.advance(2_000);
    expect(polls.at(-1)).toBe("containerd://c");
  });

  test("are an error where no runtime is there", async () => {
    const clock = new ManualClock();
    const following = followContainers({
      listers: [lister("docker", () => Promise.reject(new Error("not here")))],
      intervalMs: 2_000,
      nodeName: "",
      keys: { label: () => true, annotation: () => true },
      sink: new RecordingSink<PodObject>(),
      telemetry: { clock, metrics: new MetricRegistry(), logger: silentLogger },
    });
    onTestFinished(() => following.stop());
    await clock.advance(0);
    expect(following.state()).toEqual({ from: "docker here", synced: false, lastError: "not here" });
  });
});
