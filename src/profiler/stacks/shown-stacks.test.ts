import { expect, test } from "vitest";
import { FrameTypes } from "../naming/frame-types.ts";
import { Dictionary, Unnamed } from "../profiles/dictionary.ts";
import { ShownStacks } from "./shown-stacks.ts";
import { Truncation } from "./truncation.ts";

const { None, CopyLimit, FramePointers } = Truncation;
const CUT = "[truncated: no frame pointers]";

function rig() {
  const dictionary = new Dictionary();
  const shown = new ShownStacks(dictionary, new FrameTypes(dictionary));
  const lines = (functionName: string): number => dictionary.lineList([{ functionName, line: 0, startLine: 0 }]);
  return {
    dictionary,
    shown,
    lines,
    named: (name: string) => dictionary.namedLocation(0, lines(name), 0),
    at: (address: number) => dictionary.addressLocation(0, address, 0, 0, Unnamed.NoSymbol),
    stack: (...locations: number[]) => dictionary.stack(Int32Array.from(locations), locations.length),
    namesOf: (stack: number): string[] => {
      const names: string[] = [];
      for (let at = dictionary.stackStarts.at(stack); at < dictionary.stackStarts.at(stack + 1); at++) {
        const list = dictionary.linesOf(dictionary.stackPositions.at(at));
        names.push(list === 0 ? "?" : dictionary.outermostName(list));
      }
      return names;
    },
  };
}

test("a stack that was cut off ends with a mark, unless it ends in a function that nobody calls", () => {
  const { shown, stack, named, namesOf } = rig();
  const [cut, whole] = [stack(named("leaf"), named("caller")), stack(named("leaf"), named("runtime.goexit"))];
  expect(namesOf(shown.of(cut, FramePointers).stack)).toEqual(["leaf", "caller", CUT]);
  expect(shown.of(cut, FramePointers).truncation).toBe(FramePointers);
  expect(shown.of(cut, None)).toEqual({ stack: cut, truncation: None });
  expect(shown.of(whole, FramePointers)).toEqual({ stack: whole, truncation: None });
});

test("the mark says why: in its name, and by an attribute for programs", () => {
  const { shown, stack, named, namesOf, dictionary } = rig();
  const marked = shown.of(stack(named("leaf")), CopyLimit).stack;
  expect(namesOf(marked)).toEqual(["leaf", "[truncated: deeper than the copied stack]"]);
  const mark = dictionary.stackPositions.at(dictionary.stackStarts.at(marked) + 1);
  const list = dictionary.attributesOf(mark);
  const attribute = dictionary.attributeLists.at(list, 0);
  const [key, value] = [0, 2].map((word) => dictionary.strings[dictionary.attributes.at(attribute, word)]);
  expect([key, value]).toEqual(["podflame.frame.truncation", "copy_limit"]);
});

test("a last frame that gets its name later may turn out to be a root", () => {
  const { shown, stack, named, at, dictionary, lines, namesOf } = rig();
  const root = at(0x1000);
  const walked = stack(named("leaf"), root);
  expect(namesOf(shown.of(walked, FramePointers).stack)).toEqual(["leaf", "?", CUT]);
  dictionary.nameLocation(root, lines("_start"), 0);
  expect(namesOf(shown.of(walked, FramePointers).stack)).toEqual(["leaf", "_start"]);
});

test("stacks whose addresses show the same function are one, as soon as that is known", () => {
  const { shown, stack, at, dictionary, lines } = rig();
  const [one, other] = [stack(at(0x1004)), stack(at(0x1008))];
  expect(shown.of(one, None).stack).not.toBe(shown.of(other, None).stack);
  const start = at(0x1000);
  dictionary.nameLocation(start, lines("f"), 0);
  for (const address of [0x1004, 0x1008]) dictionary.showAs(at(address), start);
  expect(shown.of(one, None).stack).toBe(shown.of(other, None).stack);
});

test("what was remembered is forgotten with the dictionary", () => {
  const { shown, stack, named, dictionary, namesOf } = rig();
  shown.of(stack(named("before")), FramePointers);
  dictionary.clear();
  expect(namesOf(shown.of(stack(named("after")), FramePointers).stack)).toEqual(["after", CUT]);
});
