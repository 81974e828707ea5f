import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DemoApi, demoApi } from "../testing/demo-api.ts";
import { violations } from "../testing/validate-schema.ts";
import { openApiDocument } from "./document.ts";
import type { Schema } from "./schema.ts";
import { SCHEMAS } from "./schemas.ts";

interface Operation {
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly example?: string;
  }[];
  readonly responses: { readonly "200": { readonly content: Readonly<Record<string, { readonly schema: Schema }>> } };
}

const document = openApiDocument("test");
const operations = Object.entries(document.paths as Record<string, { get?: Operation; post?: Operation }>);

let api: DemoApi;

beforeAll(async () => {
  api = await demoApi({ files: [{ name: "a", bytes: 1, read: () => Promise.resolve(new Uint8Array(1)) }] });
});

afterAll(() => api.store.close());

describe("the OpenAPI document", () => {
  test("is what the server answers", async () => {
    expect(await api.get("openapi.json")).toEqual(JSON.parse(JSON.stringify(document)));
  });

  test.for(operations.filter(([, { get }]) => get !== undefined))(
    "describes what %s answers",
    async ([path, { get }]) => {
      const { parameters, responses } = get!;
      const query = new URLSearchParams();
      let url = path;
      for (const { name, in: place, required, example = "" } of parameters) {
        if (place === "path") url = url.replace(`{${name}}`, example);
        else if (required) query.set(name, example);
      }
      const response = await api.fetch(`${url.slice(1)}?${query.toString()}`);
      expect(response.status).toBe(200);
      const { content } = responses["200"];
      const type = response.headers.get("content-type")!;
      expect(Object.keys(content)).toContain(type);
      if (type === "application/json") {
        expect(violations(await response.json(), content[type]!.schema, SCHEMAS)).toEqual([]);
      }
    },
  );

  test.for([
    ["timeline?group_by=process", "Timeline"],
    ["tree?limit=5", "Tree"],
    ["top?other_from=now-30m", "Top"],
    ["flamegraph?from=2020-01-01&to=2020-01-02", "Flame"],
    ["timeline?from=2020-01-01&to=2020-01-02", "Timeline"],
    ["heatmap?from=now-5s", "Heatmap"],
  ] as const)("describes what %s answers as well", async ([path, name]) => {
    expect(violations(await api.get(path), SCHEMAS[name]!, SCHEMAS)).toEqual([]);
  });

  test("describes errors", async () => {
    const response = await api.fetch("api/v1/flamegraph?query=%7B");
    expect(violations(await response.json(), SCHEMAS["Error"]!, SCHEMAS)).toEqual([]);
  });

  test("describes what an upload answers", async () => {
    const response = await api.fetch("api/v1/ingest?from=2020-01-01", { method: "POST", body: "main;a 1\n" });
    expect(violations(await response.json(), SCHEMAS["Ingest"]!, SCHEMAS)).toEqual([]);
  });

  test("names only schemas that there are", () => {
    const names = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name!);
    expect(names.filter((name) => !(name in SCHEMAS))).toEqual([]);
  });
});
