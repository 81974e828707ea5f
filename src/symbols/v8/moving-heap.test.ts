import { expect, test } from "vitest";
import { elfAt } from "../testing/programs.ts";
import { readV8Layout, type V8Layout } from "./layout.ts";
import { HeapImage } from "./testing/heap-image.ts";
import { V8_FRAME_HALVES, V8Names } from "./v8-names.ts";

const SOURCE = "\n\nfunction sell() {\n  spin();\n}\n";
const FUNCTION_POSITION = SOURCE.indexOf("sell");
const CALL_POSITION = SOURCE.indexOf("spin");
/** Of the call, in the bytecode. */
const OFFSET = 3;
const INTERPRETER = { functionName: "Builtins_InterpreterEntryTrampoline", line: 0, startLine: 0 };
const WHOLE = { functionName: "sell", fileName: "/srv/shop.js", line: 4, startLine: 3 };

function layoutHere(): V8Layout {
  const layout = readV8Layout(elfAt(process.execPath));
  if (!("types" in layout)) throw new Error(layout.detail);
  return layout;
}

/** A function in the interpreter, and all that tells of it. */
function rig() {
  const layout = layoutHere();
  const { types, sharedFunctionInfo, script: inScript, array } = layout;
  const image = new HeapImage(layout);
  const name = image.flat("sell", "latin1");
  const fileName = image.flat("/srv/shop.js", "latin1");
  const source = image.flat(SOURCE, "latin1");
  const script = image.object(types.script, 64);
  image.setPointer(script, inScript.source, source);
  image.setPointer(script, inScript.name, fileName);
  image.setSmallInteger(script, inScript.lineOffset, 0);
  // Not compiled, as far as it says itself: its bytecode is the frame's.
  const data = image.object(types.uncompiledData[0]!, 24);
  image.setUint32(data, 16, FUNCTION_POSITION);
  const shared = image.object(types.sharedFunctionInfo, 64);
  image.setPointer(shared, sharedFunctionInfo.data, data);
  image.setPointer(shared, sharedFunctionInfo.nameOrScopeInfo, name);
  image.setPointer(shared, sharedFunctionInfo.script, script);
  // One entry: from the first bytecode on (1), the call; both are zig-zag, and the call's word is doubled once more.
  const entries = Uint8Array.of(2, (CALL_POSITION + 1) * 4);
  const positions = image.object(types.byteArrays[0]!, array.data + entries.length);
  image.setSmallInteger(positions, array.length, entries.length);
  image.setBytes(positions + array.data, entries);
  const bytecode = image.object(types.bytecodeArray, layout.bytecodeArrayData + 16);
  image.setSmallInteger(bytecode, array.length, 16);
  image.setPointer(bytecode, layout.version!.bytecodePositions, positions);

  const names = new V8Names(layout, image);
  const words = new Uint32Array(V8_FRAME_HALVES);
  words[4] = shared + 1;
  words[6] = bytecode + 1;
  words[9] = layout.bytecodeArrayData - 1 + OFFSET;
  const frame = () => names.frames(words, 0, false, { kind: "file", symbol: INTERPRETER })?.[0];
  return {
    layout,
    image,
    names,
    frame,
    objects: { name, fileName, source, script, data, positions, bytecode, shared },
  };
}

type Part = keyof ReturnType<typeof rig>["objects"];

test("a function in the interpreter has its name, its file and its lines", () => {
  const { frame, names } = rig();
  expect(frame()).toEqual(WHOLE);
  expect(names.counters).toMatchObject({ wrongType: 0, unreadable: 0, withoutPositions: 0 });
});

test.each<Part>(["name", "fileName", "source", "script", "data", "positions", "bytecode", "shared"])(
  "while its %s can't be read it says less, and whole as soon as it can",
  (part) => {
    const { image, layout, frame, objects } = rig();
    const map = image.word(objects[part], layout.mapOfObject);
    image.setAddress(objects[part], layout.mapOfObject, 3);
    const less = frame();
    expect(less).not.toEqual(WHOLE);
    for (const [key, value] of Object.entries(less ?? {})) {
      expect([undefined, 0, WHOLE[key as keyof typeof WHOLE]]).toContain(value);
    }
    image.setAddress(objects[part], layout.mapOfObject, map);
    // In the same flush: nothing is remembered of what it said before.
    expect(frame()).toEqual(WHOLE);
  },
);

test.each<Part>(["name", "fileName", "source", "script", "data", "positions", "bytecode", "shared"])(
  "while the collector moves its %s it's read where it is by now",
  (part) => {
    const { image, layout, frame, objects } = rig();
    const moved = image.copy(objects[part], 128);
    image.setAddress(objects[part], layout.mapOfObject, moved);
    expect(frame()).toEqual(WHOLE);
  },
);

test("what was moved since the flush began is found by whoever refers to it now", () => {
  const { image, layout, frame, objects } = rig();
  const { script, bytecode } = objects;
  // Known, but no line of it: V8 makes up for positions when it needs them.
  const positions = image.word(bytecode, layout.version!.bytecodePositions);
  image.setAddress(bytecode, layout.version!.bytecodePositions, 0);
  expect(frame()).toEqual({ ...WHOLE, line: 0 });
  image.setAddress(bytecode, layout.version!.bytecodePositions, positions);
  const moved = image.copy(script, 64);
  image.setPointer(objects.shared, layout.sharedFunctionInfo.script, moved);
  image.setAddress(script, layout.mapOfObject, 3);
  expect(frame()).toEqual(WHOLE);
});

test("objects that say of each other that they moved there have no end, and are none", () => {
  const { image, layout, frame, objects } = rig();
  image.setAddress(objects.source, layout.mapOfObject, objects.positions);
  image.setAddress(objects.positions, layout.mapOfObject, objects.source);
  expect(frame()).toEqual({ ...WHOLE, line: 0, startLine: 0 });
});
