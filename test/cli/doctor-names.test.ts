/** What doctor and explain make of containers that really run here, and of other sources than the API server. */
import { randomBytes, randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { canRunContainers } from "../agent/harness/requirements.ts";
import { Runc } from "../agent/harness/runc.ts";
import { folderWith, podflame } from "./podflame.ts";

interface Listed {
  readonly topic: string;
  readonly what: string;
  readonly state: string;
  readonly detail: string;
  readonly remedy?: string;
}

const newId = (): string => randomBytes(32).toString("hex");

function podList(name: string, uid: string, containerId: string): string {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", uid },
    spec: { nodeName: "node-1", containers: [{ name: "app", image: "app:1" }] },
    status: { containerStatuses: [{ name: "app", containerID: `containerd://${containerId}`, restartCount: 0 }] },
  };
  return JSON.stringify({ kind: "List", items: [pod] });
}

/** A configuration that learns of pods from the file `pods.json`, by the extension. */
const BY_EXTENSION = `
extensions: { k8s_identity: { sources: [file], file: { path: pods.json } } }
receivers: { otlp: { protocols: { grpc: } } }
processors:
  k8s_attributes:
    pod_association:
      - sources: [{ from: resource_attribute, name: container.id }]
      - sources: [{ from: resource_attribute, name: k8s.pod.uid }]
exporters: { debug: }
service:
  extensions: [k8s_identity]
  telemetry: { metrics: { level: none } }
  pipelines: { profiles: { receivers: [otlp], processors: [k8s_attributes], exporters: [debug] } }
`;

async function checksOf(cwd: string): Promise<{ readonly code: number | null; readonly checks: readonly Listed[] }> {
  const { code, stdout, stderr } = await podflame(["doctor", "--config", "c.yaml", "--json"], { cwd });
  expect(stderr).toBe("");
  return { code, checks: JSON.parse(stdout) as Listed[] };
}

describe("doctor, where the extension k8s_identity says where pods are learned from", () => {
  test("says that a source told of all its pods", async () => {
    const cwd = await folderWith({ "c.yaml": BY_EXTENSION, "pods.json": podList("web", randomUUID(), newId()) });
    const { code, checks } = await checksOf(cwd);
    expect(checks.filter(({ topic }) => topic === "sources")).toMatchObject([
      { state: "ok", what: expect.stringContaining("pods.json") as string },
    ]);
    expect([code, checks.filter(({ topic }) => topic === "api")]).toEqual([0, []]);
  });

  test("says why a source tells nothing", async () => {
    const cwd = await folderWith({ "c.yaml": BY_EXTENSION, "pods.json": "{" });
    const { code, checks } = await checksOf(cwd);
    expect(checks.filter(({ topic }) => topic === "sources")).toMatchObject([
      { state: "problem", detail: expect.stringContaining("pods.json") as string },
    ]);
    expect(code).toBe(2);
  });

  test.each([
    [
      "gateway",
      "gateway: { endpoint: '127.0.0.1:1', tls: { insecure: true } }",
      "a podflame with k8s_identity.serve runs there",
    ],
    [
      "containers",
      "containers: { docker: 'unix:///nowhere.sock' }",
      "name it in containers.containerd or containers.docker",
    ],
    ["kubelet", "kubelet: { endpoint: '127.0.0.1:1', auth_type: none }", "see that kubelet.endpoint is this node's"],
    ["cri", "cri: { endpoint: 'unix:///nowhere.sock' }", "see that the runtime's socket is mounted here"],
  ])("says what to see to where %s doesn't answer", async (name, section, remedy) => {
    const config = BY_EXTENSION.replace(
      "sources: [file], file: { path: pods.json }",
      `sources: [${name}], node: n, ${section}`,
    );
    const { checks } = await checksOf(await folderWith({ "c.yaml": config }));
    const [check] = checks.filter(({ topic }) => topic === "sources");
    expect(check).toMatchObject({ state: "problem", remedy: expect.stringContaining(remedy) as string });
  });

  test("explain names by it as well", async () => {
    const id = newId();
    const cwd = await folderWith({ "c.yaml": BY_EXTENSION, "pods.json": podList("web", randomUUID(), id) });
    const { code, stdout } = await podflame(
      ["explain", "--config", "c.yaml", "--resource", `container.id=${id}`, "--json"],
      { cwd },
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ pod: { namespace: "shop", name: "web" }, container: { name: "app" } }]);
  });
});

describe.skipIf(!canRunContainers())("doctor, of containers that run here", () => {
  test("tells those that are named, those of unknown pods, and those that are no pod's", async () => {
    await using runc = await Runc.open();
    const [known, unknown, foreign] = [newId(), newId(), newId()];
    const [uid, otherUid] = [randomUUID(), randomUUID()];
    const sleep = ["/bin/sleep", "1000"];
    await runc.start(`kubepods/burstable/pod${uid}/${known}`, sleep);
    const pid = await runc.start(`kubepods/burstable/pod${otherUid}/${unknown}`, sleep);
    await runc.start(`docker/${foreign}`, sleep);
    const cwd = await folderWith({ "c.yaml": BY_EXTENSION, "pods.json": podList("web", uid, known) });
    const { checks } = await checksOf(cwd);
    const [summary, ...told] = checks.filter(({ topic }) => topic === "names");
    expect(summary).toMatchObject({
      what: "processors::k8s_attributes",
      state: "note",
      detail: expect.stringMatching(/^\d+ of \d+ containers here are named; \d+ of pods aren't/) as string,
    });
    const of = (id: string): Listed | undefined => told.find(({ what }) => what === id.slice(0, 12));
    expect(of(known)).toBeUndefined();
    expect(of(unknown)).toMatchObject({
      state: "note",
      detail: `process ${pid} (sleep): in the pod with uid ${otherUid}, of which no source has told (never_seen)`,
    });
    expect(of(foreign)).toMatchObject({
      state: "ok",
      detail: expect.stringContaining("a container that isn't Kubernetes'") as string,
    });
  });
});
