import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CHANGES,
  COLOURINGS,
  formatPageState,
  type PageState,
  parsePageState,
  SHOWN,
  TABLE_COLUMNS,
  TREE_COLUMNS,
  USUAL,
  VIEWS,
} from "./page-state.ts";

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const time = fc.oneof(
  fc.integer({ min: 0, max: 4e12 }).map(String),
  fc
    .tuple(fc.integer({ min: 1, max: 1e6 }), fc.constantFrom("ms", "s", "m", "h", "d", "w"))
    .map(([n, unit]) => `now-${n}${unit}`),
  fc.constant("now"),
);
const side = fc.record({ query: text, from: time, to: time });
const mark = fc.stringMatching(/^[a-z0-9]{1,7}$/);
const states: fc.Arbitrary<PageState> = fc
  .tuple(
    side,
    fc.record({
      view: fc.constantFrom(...VIEWS),
      type: text,
      show: fc.constantFrom(...SHOWN),
      treeHidden: fc.boolean(),
      treeSort: fc.constantFrom(...TREE_COLUMNS),
      treeFilter: text,
      toggled: fc.array(mark, { maxLength: 5 }),
      upward: fc.boolean(),
      inverted: fc.boolean(),
      collapsed: fc.boolean(),
      colouring: fc.constantFrom(...COLOURINGS),
      search: text,
      regex: fc.boolean(),
      zoom: text,
      hidden: fc.array(text, { maxLength: 4 }),
      focus: text,
      tableSort: fc.constantFrom(...TABLE_COLUMNS),
      function: text,
      other: side,
      relative: fc.boolean(),
      changes: fc.constantFrom(...CHANGES),
      file: fc.integer({ min: 0, max: 50 }),
    }),
  )
  .map(([own, rest]) => ({ ...own, ...rest }));

describe("the page's address", () => {
  test("says nothing where all is as usual", () => {
    expect(formatPageState(USUAL)).toBe("");
    expect(parsePageState("")).toEqual(USUAL);
  });

  test("brings back every state", () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(parsePageState(formatPageState(state))).toEqual(state);
      }),
    );
  });

  test("gives a state whatever stands in it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (search) => {
        expect(VIEWS).toContain(parsePageState(search).view);
      }),
    );
  });

  test("falls back to the usual where a parameter is broken", () => {
    expect(parsePageState("?view=nothing&from=yesterday&sort=weight&file=x")).toEqual(USUAL);
  });
});
