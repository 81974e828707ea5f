import { spawn } from "node:child_process";
import { once } from "node:events";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseResourceAttributes, readServiceVariables, serviceVariables } from "./service-variables.ts";

async function variablesOf(env: Record<string, string>) {
  const child = spawn("/bin/sleep", ["60"], { env });
  // The environment is there as soon as exec is done.
  await once(child, "spawn");
  const read = readServiceVariables(child.pid!);
  child.kill("SIGKILL");
  await once(child, "close");
  return read;
}

describe("a real process's environment", () => {
  test("says the service by its own variable, and the rest by the other", async () => {
    const read = await variablesOf({
      OTEL_RESOURCE_ATTRIBUTES: "service.name=ignored,service.namespace=shop,deployment.environment=a%20b",
      OTEL_SERVICE_NAME: "cart",
      SECRET: "x",
    });
    expect(read).toEqual({
      serviceName: "cart",
      resourceAttributes: new Map([
        ["service.namespace", "shop"],
        ["deployment.environment", "a b"],
      ]),
      discarded: false,
    });
  });

  test("says nothing where there is nothing to say", async () => {
    const read = await variablesOf({ OTEL_SERVICE_NAMES: "x", XOTEL_SERVICE_NAME: "y" });
    expect(read).toEqual({ serviceName: undefined, resourceAttributes: new Map(), discarded: false });
  });

  test("is found behind variables longer than the buffer", async () => {
    const long = "x".repeat(100_000);
    const read = await variablesOf({ A: long, B: long, OTEL_SERVICE_NAME: "cart", C: long });
    expect(read?.serviceName).toBe("cart");
  });

  test("of a process that is gone is none", () => {
    expect(readServiceVariables(2 ** 22 + 1)).toBeUndefined();
  });
});

describe("both variables together", () => {
  test("service.name of the attributes counts where the other is empty", () => {
    expect(serviceVariables("", "service.name=cart").serviceName).toBe("cart");
    expect(serviceVariables(undefined, "service.name=cart").serviceName).toBe("cart");
  });

  test("the service's name is not encoded in its own variable", () => {
    expect(serviceVariables("a%20b", undefined).serviceName).toBe("a%20b");
  });

  test("a bad escape discards the attributes, and only those", () => {
    expect(serviceVariables("cart", "a=1,b=%zz")).toEqual({
      serviceName: "cart",
      resourceAttributes: new Map(),
      discarded: true,
    });
  });
});

describe("OTEL_RESOURCE_ATTRIBUTES", () => {
  test.each([
    ["", {}],
    ["a=1", { a: "1" }],
    ["a=1,b=2", { a: "1", b: "2" }],
    ["a=1,a=2", { a: "2" }],
    [" a = 1 , b = 2 ", { a: "1", b: "2" }],
    ["a=1,", { a: "1" }],
    ["a=", { a: "" }],
    ["a=b=c", { a: "b=c" }],
    ["a=%E2%82%AC%2C%3D", { a: "€,=" }],
    ["a%2Eb=1", { "a.b": "1" }],
    ["a=1+1", { a: "1+1" }],
  ])("%j", (text, expected) => {
    expect(Object.fromEntries(parseResourceAttributes(text)!)).toEqual(expected);
  });

  test.each(["a", "=1", "a=1,b", "a=%", "a=%2", "a=%zz", "a=%ff", "%ff=1", `a=${"x".repeat(1025)}`])(
    "%j is discarded as a whole",
    (text) => {
      expect(parseResourceAttributes(text)).toBeUndefined();
    },
  );

  test("with more keys than any service has is discarded", () => {
    const text = Array.from({ length: 65 }, (_, n) => `k${n}=v`).join(",");
    expect(parseResourceAttributes(text)).toBeUndefined();
  });

  test("what SDKs would encode comes out again", () => {
    const key = fc
      .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
      .filter((text) => text.trim() === text && text !== "");
    const value = fc.string({ maxLength: 20, unit: "grapheme" }).filter((text) => text.trim() === text);
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, value), { maxLength: 8, selector: ([name]) => name }), (pairs) => {
        const text = pairs.map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join(",");
        expect([...parseResourceAttributes(text)!]).toEqual(pairs);
      }),
    );
  });

  test("any text gives an answer or none", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        parseResourceAttributes(text);
      }),
    );
  });
});
