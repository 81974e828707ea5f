/*
 * nap SECONDS: sleeps in two functions in turn, three times as long in one as in the other, and prints how long it was
 * asleep in each: {"spentNs":{…}} as `burn` does, of wall time.
 */
#include "shares.h"

#define KEEP __attribute__((noinline, noclone))

static inline __attribute__((always_inline)) uint64_t sleep_ms(long milliseconds) {
  struct timespec length = {0, milliseconds * 1000000};
  uint64_t before_ns = now_ns(CLOCK_MONOTONIC);
  system_call(SYS_nanosleep, &length, 0, 0);
  return now_ns(CLOCK_MONOTONIC) - before_ns;
}

KEEP void long_nap(uint64_t *spent_ns) { *spent_ns += sleep_ms(30); }

KEEP void short_nap(uint64_t *spent_ns) { *spent_ns += sleep_ms(10); }

int main(int count, char **arguments) {
  struct turn turns[] = {{"long_nap", NULL, 75, 0}, {"short_nap", NULL, 25, 0}};
  if (count != 2) return fprintf(stderr, "usage: nap SECONDS\n"), 2;
  end_on_sigterm();
  puts("ready");
  fflush(stdout);
  uint64_t start_ns = now_ns(CLOCK_MONOTONIC), length_ns = (uint64_t)(atof(arguments[1]) * 1e9);
  while (!asked_to_end && now_ns(CLOCK_MONOTONIC) - start_ns < length_ns) {
    long_nap(&turns[0].spent_ns);
    short_nap(&turns[1].spent_ns);
  }
  print_account(turns, 2, now_ns(CLOCK_MONOTONIC) - start_ns);
}
