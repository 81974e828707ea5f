/*
 * burn LENGTH NAME=SHARE...: as burn.c, in C++: members, templates, lambdas and virtual functions, whose names are
 * mangled. `matrix` is work::Matrix<4>::multiply, `visitor` a virtual function called through its base.
 */
#include "shares.h"

namespace work {

template <int Size>
struct Matrix {
  __attribute__((noinline)) void multiply(uint64_t until_ns) {
    while (cpu_ns() < until_ns) compute();
  }
};

struct Visitor {
  virtual ~Visitor() = default;
  virtual void visit(uint64_t until_ns) const = 0;
};

namespace {
struct Spender final : Visitor {
  __attribute__((noinline)) void visit(uint64_t until_ns) const override {
    while (cpu_ns() < until_ns) compute();
  }
};
}  // namespace

}  // namespace work

static void matrix(uint64_t until_ns) {
  static work::Matrix<4> instance;
  instance.multiply(until_ns);
}

static void visitor(uint64_t until_ns) {
  static const work::Spender spender;
  const work::Visitor &base = spender;
  base.visit(until_ns);
}

int main(int count, char **arguments) {
  turn turns[] = {{"matrix", matrix, 0, 0}, {"visitor", visitor, 0, 0}};
  if (count < 3) return fprintf(stderr, "usage: burn LENGTH NAME=SHARE...\n"), 2;
  read_shares(turns, 2, arguments + 2);
  puts("ready");
  fflush(stdout);
  take_turns(turns, 2, arguments[1]);
}
