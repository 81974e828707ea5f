import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../../test/has-program.ts";
import { filter, libraryPath, run, source, temporaryFolder } from "../testing/programs.ts";
import { demangle } from "./demangle.ts";

const withoutCpp = !(hasProgram("g++", "--version") && hasProgram("c++filt", "--version"));
const withoutRust = !(hasProgram("rustc", "--version") && hasProgram("c++filt", "--version"));

/** `> >` and `>>` are the same to us; c++filt writes either, depending on what it wrote before. */
const joined = (text: string): string => text.replaceAll(/> (?=>)/g, ">");

function symbolsOf(path: string, ...options: readonly string[]): string[] {
  return [...new Set(run("nm", ...options, path).match(/(?<= )_[ZR][^\s@]+/g) ?? [])];
}

/** Names for which the two write something else. */
function differences(names: readonly string[], ...options: readonly string[]): string[] {
  const expected = filter("c++filt", ["-i", ...options], names);
  return names.filter((name, index) => joined(demangle(name)) !== joined(expected[index]!));
}

describe.skipIf(withoutCpp)("beside c++filt", () => {
  test("every C++ name of libstdc++ reads the same", () => {
    const names = symbolsOf(libraryPath("libstdc++.so.6"), "-D");
    expect(names.length).toBeGreaterThan(5000);
    expect(differences(names)).toEqual([]);
  });

  test("of node's names all but one in a thousand read the same, and all are read", () => {
    const names = symbolsOf(process.execPath).filter((_, index) => index % 4 === 0);
    expect(names.length).toBeGreaterThan(20_000);
    expect(differences(names).length).toBeLessThan(names.length / 1000);
    expect(names.filter((name) => demangle(name) === name)).toEqual([]);
  });

  test("a program with a bit of everything, except for what c++filt can't read", () => {
    const path = join(temporaryFolder(), "program");
    run("g++", "-std=c++17", "-o", path, source("program.cc"));
    const names = symbolsOf(path);
    expect(names.length).toBeGreaterThan(200);
    const different = differences(names);
    expect(different.map((name) => demangle(name))).toEqual([
      "(anonymous namespace)::Ring<unsigned short, 7>::operator std::vector<char, std::allocator<char> ><char>() const",
    ]);
    expect(filter("c++filt", ["-i"], different)).toEqual(different);
  });
});

test.skipIf(withoutRust)("every Rust name of a program with the standard library reads as c++filt writes it", () => {
  const path = join(temporaryFolder(), "program");
  run("rustc", "-Csymbol-mangling-version=v0", "-o", path, source("program.rs"));
  const names = symbolsOf(path).filter((name) => name.startsWith("_R"));
  expect(names.length).toBeGreaterThan(500);
  // Which c++filt writes as '\\u{e9}'.
  expect(differences(names, "-s", "rust").map(demangle)).toEqual(["program::constants::<'é', true, -5>"]);
});

describe("names of", () => {
  test.for([
    ["_ZN3foo3barEv", "foo::bar()"],
    ["_ZN12_GLOBAL__N_13fooEi", "(anonymous namespace)::foo(int)"],
    ["_ZN3FooC2ERKS_", "Foo::Foo(Foo const&)"],
    ["_ZNSt6vectorIiSaIiEED1Ev", "std::vector<int, std::allocator<int> >::~vector()"],
    ["_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const"],
    ["_ZZZ1fvENKUliE0_clEiE4once", "f()::{lambda(int)#2}::operator()(int) const::once"],
    ["_ZNK3FoocvT_IiEEv", "Foo::operator int<int>() const"],
    ["_ZlsRSoRK3Foo", "operator<<(std::ostream&, Foo const&)"],
    ["_ZltI1AEvv", "void operator< <A>()"],
    ["_Z1fPKPFivE", "f(int (* const*)())"],
    ["_Z1gRA10_KM1AFvcE", "g(void (A::* const (&) [10])(char))"],
    ["_Z1hPFPFivEcE", "h(int (*(*)(char))())"],
    ["_Z3sumIJicfEEiDpRKT_", "int sum<int, char, float>(int const&, char const&, float const&)"],
    ["_Z3sumIJEEiDpRKT_", "int sum<>()"],
    ["_Z3maxIiET_S0_S0_", "int max<int>(int, int)"],
    ["_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_", "std::remove_reference<int&>::type&& std::move<int&>(int&)"],
    ["_Z1fILb1ELin5ELm3ELc97EEvv", "void f<true, -5, 3ul, (char)97>()"],
    ["_Z5twiceIjEDTplfp_fp_ET_", "decltype ({parm#1}+{parm#1}) twice<unsigned int>(unsigned int)"],
    ["_ZNSt8ios_base7failureB5cxx11D1Ev", "std::ios_base::failure[abi:cxx11]::~failure()"],
    ["_ZTV7Derived", "vtable for Derived"],
    ["_ZThn16_N7Derived3runEv", "non-virtual thunk to Derived::run()"],
    ["_ZGVZ1fvE1x", "guard variable for f()::x"],
    ["_Z4coldv.cold", "cold() [clone .cold]"],
    ["_Z4partv.part.0.constprop.1", "part() [clone .part.0] [clone .constprop.1]"],
    ["_Zli2_xy", 'operator"" _x(unsigned long long)'],
    ["_ZN1AssERKS_", "A::operator<=>(A const&)"],
    ["_ZNSsC1Ev", "std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string()"],
  ] as const)("C++: %s", ([mangled, expected]) => {
    expect(demangle(mangled)).toBe(expected);
  });

  test.for([
    ["_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"],
    [
      "_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
      "<Test + 'static as foo::Bar<Test>>::bar",
    ],
    ["_ZN3foo17h05af221e174051e9E.llvm.A5310EB9", "foo"],
    ["_RNvC6_123foo3bar", "123foo::bar"],
    ["_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y", "utf8_idents::საჭმელად_გემრიელი_სადილი"],
    ["_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_", "cc::spawn::{closure#0}::{closure#0}"],
    [
      "_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_ECs1iopQbuBiw2_3std",
      "alloc::alloc::box_free::<dyn alloc::boxed::FnBox<(), Output = ()>>",
    ],
    ["_RIC0Kb1_E", "::<true>"],
    ["_RIC3fooFG_KCRL0_hEuE", "foo::<for<'a> extern \"C\" fn(&'a u8)>"],
    ["_RNvC1a1b.llvm.123", "a::b"],
  ] as const)("Rust: %s", ([mangled, expected]) => {
    expect(demangle(mangled)).toBe(expected);
  });

  test.for([
    "main",
    "",
    "_",
    "_Z",
    "_R",
    "_ZN",
    "_Zzz",
    "_D3std5stdio4File5flushMFZv",
    "$s4main3fooyyF",
    "_ZN17hE",
    "_R1Nv",
  ])("nothing that we read stay as they are: %j", (name) => {
    expect(demangle(name)).toBe(name);
  });
});

describe("hostile names", () => {
  /** Each part refers twice to the one before. */
  function doubling(parts: number): string {
    let name = "_Z1f1AIiiE";
    for (let part = 0; part < parts; part++) {
      const previous = `S${(part * 2).toString(36).toUpperCase()}_`;
      name += `1${String.fromCharCode(66 + (part % 20))}I${previous}${previous}E`;
    }
    return name;
  }

  test.for([
    ["that describe terabytes", doubling(60)],
    ["nested deeper than any stack", `_Z1f${"P".repeat(4000)}i`],
    ["of nothing but beginnings", `_Z${"N".repeat(4000)}`],
    ["of nothing but packs", `_Z1fIJ${"J".repeat(1500)}${"E".repeat(1501)}EvDpDpDpDpT_`],
    ["that refer to themselves", "_RNvB_3foo"],
    ["longer than we read", `_Z4000${"a".repeat(5000)}`],
  ] as const)("%s stay as they are", ([, name]) => {
    expect(demangle(name)).toBe(name);
  });

  test("that expand expansions are written as far as they say anything", () => {
    const name = `_Z1fIJicEEv${"Dp".repeat(60)}St5tupleIJT_T_EE`;
    expect(demangle(name)).toMatch(/^void f<int, char>\(\(+std::tuple<int, int>, std::tuple<char, char>\)\.\.\./);
  });

  test("that describe what is long, but not too long, are written", () => {
    expect(demangle(doubling(8))).toMatch(/^f\(A<int, int>, B<A<int, int>, A<int, int> >, C</);
    expect(demangle(doubling(8)).length).toBeGreaterThan(5000);
  });

  test("any change of a real name is answered", () => {
    const names = [
      "_ZNSt6vectorIN12_GLOBAL__N_13FooESaIS1_EE12emplace_backIJRKS1_EEERS1_DpOT_",
      "_ZZN4node4wasi4WASI12WasiFunctionIPFjRS1_NS0_10WasmMemoryEjEXadL_ZNS1_7FdCloseES3_S4_jEEjJjEE1xE20error",
      "_RINvMNtCsgEmfK2I1SDS_4core5sliceSh11copy_withinINtNtNtB5_3ops5range14RangeInclusivejEECsfEOYDRpO4Ta_11miniz_oxide",
      "_ZN71_$LT$Test$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
      "_Z5twiceIJiicEEDTspplfp_fp_EDpT_",
    ];
    const letters = fc.constantFrom(...Array.from("_NISTEZKPRFJLXDtpclvi0123456789BCs"));
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(fc.tuple(fc.nat(120), letters, fc.constantFrom("insert", "replace", "remove")), { maxLength: 6 }),
        (name, edits) => {
          let text = name;
          for (const [position, letter, edit] of edits) {
            const at = position % text.length;
            text = text.slice(0, at) + (edit === "remove" ? "" : letter) + text.slice(edit === "insert" ? at : at + 1);
          }
          expect(demangle(text)).not.toBe("");
        },
      ),
      { numRuns: 20_000 },
    );
  });
});
