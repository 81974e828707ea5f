/* pieces COUNT: does the same work COUNT times and prints how many nanoseconds each took on the clock. */
#include "shares.h"

int main(int count, char **arguments) {
  if (count != 2) return fprintf(stderr, "usage: pieces COUNT\n"), 2;
  for (int piece = atoi(arguments[1]); piece > 0; piece--) {
    uint64_t before_ns = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < 1000; i++) compute();
    printf("%llu\n", (unsigned long long)(now_ns(CLOCK_MONOTONIC) - before_ns));
  }
}
