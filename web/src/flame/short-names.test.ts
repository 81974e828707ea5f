import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FRAME_KINDS, type FrameKind } from "./frame-kind.ts";
import { fitName, shortNames } from "./short-names.ts";

describe("a name is shortened", () => {
  test.each<[FrameKind, string, readonly string[]]>([
    [
      "go",
      "github.com/acme/shop/internal/cart.(*Store[go.shape.string]).Add",
      [
        "github.com/acme/shop/internal/cart.(*Store[go.shape.string]).Add",
        "github.com/acme/shop/internal/cart.(*Store).Add",
        "cart.(*Store).Add",
        "(*Store).Add",
      ],
    ],
    ["go", "runtime.mallocgc", ["runtime.mallocgc", "mallocgc"]],
    [
      "jvm",
      "com.acme.cart.CartService$$Lambda.add(java.lang.String)",
      [
        "com.acme.cart.CartService$$Lambda.add(java.lang.String)",
        "com.acme.cart.CartService$$Lambda.add",
        "CartService$$Lambda.add",
      ],
    ],
    [
      "native",
      "acme::Cart<std::string, int>::add(acme::Item const&, int)",
      [
        "acme::Cart<std::string, int>::add(acme::Item const&, int)",
        "acme::Cart<std::string, int>::add",
        "acme::Cart::add",
        "Cart::add",
        "add",
      ],
    ],
    ["native", "operator()", ["operator()"]],
    [
      "native",
      "(anonymous namespace)::run(int)",
      ["(anonymous namespace)::run(int)", "(anonymous namespace)::run", "run"],
    ],
    [
      "rust",
      "<acme::Cart as core::iter::Iterator>::next::h0123456789abcdef",
      [
        "<acme::Cart as core::iter::Iterator>::next::h0123456789abcdef",
        "<acme::Cart as core::iter::Iterator>::next",
        "acme::Cart::next",
        "Cart::next",
        "next",
      ],
    ],
    ["javascript", "add file:///srv/app/cart.js:12", ["add file:///srv/app/cart.js:12", "add"]],
    ["kernel", "do_syscall_64", ["do_syscall_64"]],
    ["unnamed", "[unknown]", ["[unknown]"]],
  ])("as its language has it, module and parameters first (%s): %s", (kind, name, forms) => {
    expect(shortNames(name, kind)).toEqual(forms);
  });

  test("to the longest form that fits, else it is cut", () => {
    const forms = shortNames("acme::Cart::add(int)", "native");
    expect(fitName(forms, 40)).toBe("acme::Cart::add(int)");
    expect(fitName(forms, 19)).toBe("acme::Cart::add");
    expect(fitName(forms, 10)).toBe("Cart::add");
    expect(fitName(shortNames("do_syscall_64", "kernel"), 6)).toBe("do_sy…");
    expect(fitName(forms, 2)).toBe("");
  });

  test("whatever it is, to forms that get shorter and are never empty", () => {
    const letters = fc.constantFrom(...Array.from("ab:<>()[]./$~* _"), "::", "operator<", "->");
    fc.assert(
      fc.property(fc.array(letters, { minLength: 1 }), fc.constantFrom(...FRAME_KINDS), (parts, kind) => {
        const forms = shortNames(parts.join(""), kind);
        expect(forms[0]).toBe(parts.join(""));
        for (let at = 1; at < forms.length; at++) {
          expect(forms[at]!.length).toBeLessThan(forms[at - 1]!.length);
          expect(forms[at]).not.toBe("");
        }
      }),
    );
  });
});
