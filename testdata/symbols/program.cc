// Names that C++ mangles: templates, lambdas, anonymous namespaces, operators, pointers to members, packs.
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {
template <typename T, int N>
struct Ring {
  T items[N];
  __attribute__((noinline)) T &operator[](int index) { return items[index % N]; }
  __attribute__((noinline)) operator bool() const { return N > 0; }
  template <typename U>
  __attribute__((noinline)) operator std::vector<U>() const {
    return std::vector<U>(N);
  }
};
}  // namespace

namespace shop {
struct Basket {
  virtual ~Basket() {}
  virtual int total() const { return 1; }
  __attribute__((noinline)) int add(int (*price)(int, char const *), int (&list)[3]) && { return price(list[0], ""); }
};
template <typename... Parts>
__attribute__((noinline)) int sum(Parts const &...parts) {
  return (0 + ... + static_cast<int>(parts));
}
template <int (Basket::*Method)() const>
__attribute__((noinline)) int call(Basket const &basket) {
  return (basket.*Method)();
}
template <typename T>
__attribute__((noinline)) auto twice(T value) -> decltype(value + value) {
  return value + value;
}
}  // namespace shop

static int price(int n, char const *) { return n; }

int main(int argc, char **) {
  Ring<unsigned short, 7> ring{};
  shop::Basket basket;
  int list[3] = {argc, 2, 3};
  std::map<std::string, std::unique_ptr<shop::Basket>> baskets;
  baskets["one"] = std::make_unique<shop::Basket>();
  std::function<int(int)> each = [&](int n) { return n + list[1]; };
  auto generic = [](auto a, auto... rest) { return a + sizeof...(rest); };
  std::vector<char> converted = ring;
  std::printf("%d\n", ring[argc] + shop::sum(1, 2l, 'c', 2.5f) + shop::sum() + shop::call<&shop::Basket::total>(basket) +
                          std::move(basket).add(price, list) + each(4) + static_cast<int>(generic(1, 2, "three")) +
                          shop::twice(21u) + bool(ring) + int(converted.size() + baskets.size()));
}
