import { expect, test } from "vitest";
import { readFeatureGates } from "./feature-gates.ts";

test("gates are read as the Collector writes them; ones that aren't known are warned of", () => {
  expect(readFeatureGates(["+service.profilesSupport,-a.b", " c.D ", ""])).toEqual({
    problems: [],
    warnings: [
      "feature gate a.b is not known here and changes nothing",
      "feature gate c.D is not known here and changes nothing",
    ],
    gates: new Map([
      ["service.profilesSupport", true],
      ["a.b", false],
      ["c.D", true],
    ]),
  });
});

test("what can't be a gate is a problem", () => {
  expect(readFeatureGates(["+", "a b,!x"]).problems).toEqual([
    '--feature-gates: "+" is no id; write e.g. +service.profilesSupport',
    '--feature-gates: "a b" is no id; write e.g. +service.profilesSupport',
    '--feature-gates: "!x" is no id; write e.g. +service.profilesSupport',
  ]);
});
