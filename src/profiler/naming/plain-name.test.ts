import { expect, test } from "vitest";
import { plainName } from "./plain-name.ts";

test.each([
  ["v8::internal::Heap::CollectGarbage(v8::internal::AllocationSpace, int)", "v8::internal::Heap::CollectGarbage"],
  ["A::f(int, char const*) const", "A::f"],
  ["A::f() &&", "A::f"],
  ["std::function<int (char)>::operator()(char) const", "std::function<int (char)>::operator()"],
  ["g(void (*)(int), int) [clone .part.0]", "g"],
  ["v8::base::(anonymous namespace)::rem(double, double*)", "v8::base::(anonymous namespace)::rem"],
  ["f()::{lambda()#2}::operator()() const", "f()::{lambda()#2}::operator()"],
  ["f[abi:cxx11](int)", "f[abi:cxx11]"],
])("%s is %s", (name, plain) => {
  expect(plainName(name)).toBe(plain);
});

test.each([
  "main",
  "core::ptr::drop_in_place<alloc::string::String>",
  "main.(*Server).Serve",
  "<impl Fn(u8)>",
  "(anonymous)",
  "guard variable for f(int)::x",
  "int (*f(char))(int)",
  "runtime.goexit.abi0",
  "msort_with_tmp.part.0",
  "std::function<int (char)>",
  "",
  ")",
])("%s stays as it is", (name) => {
  expect(plainName(name)).toBe(name);
});
