/*
 * burn LENGTH NAME=SHARE...: spends CPU time in known functions, in known shares, and prints what each got.
 * LENGTH is in seconds, or `0.1cpu` in seconds of CPU time.
 *
 *   alpha   a loop
 *   beta    the same, three calls deeper
 *   gamma   the same, below forty recursive calls
 *   delta   the same, below a hundred and ten
 *   random  the kernel: getrandom(2) of 64 KiB
 *
 * Before it begins it prints `ready`. BURN_NAME in the environment becomes the name of the thread, so that samples say
 * themselves whose they are. BURN_THEN is a program that the process becomes at its end, without arguments but its name.
 */
#include "shares.h"
#include <sys/prctl.h>

#define KEEP __attribute__((noinline, noclone))

KEEP void alpha(uint64_t until_ns) {
  while (cpu_ns() < until_ns) compute();
}

KEEP void beta(uint64_t until_ns) {
  while (cpu_ns() < until_ns) compute();
}

/* An empty statement after a call keeps the call from becoming a jump, which would hide the caller. */
#define CALLED_FROM_HERE __asm__ volatile("")

KEEP void beta_inner(uint64_t until_ns) {
  beta(until_ns);
  CALLED_FROM_HERE;
}
KEEP void beta_middle(uint64_t until_ns) {
  beta_inner(until_ns);
  CALLED_FROM_HERE;
}
KEEP void beta_outer(uint64_t until_ns) {
  beta_middle(until_ns);
  CALLED_FROM_HERE;
}

KEEP void gamma_loop(uint64_t until_ns) {
  while (cpu_ns() < until_ns) compute();
}

KEEP void descend(uint64_t until_ns, int depth) {
  if (depth == 0) gamma_loop(until_ns);
  else descend(until_ns, depth - 1);
  CALLED_FROM_HERE;
}

KEEP void gamma_outer(uint64_t until_ns) {
  descend(until_ns, 40);
  CALLED_FROM_HERE;
}

KEEP void delta_outer(uint64_t until_ns) {
  descend(until_ns, 110);
  CALLED_FROM_HERE;
}

KEEP void random_bytes(uint64_t until_ns) {
  static char bytes[65536];
  while (cpu_ns() < until_ns)
    if (system_call(SYS_getrandom, bytes, sizeof bytes, 0) < 0) abort();
}

int main(int count, char **arguments) {
  struct turn turns[] = {{"alpha", alpha, 0, 0},
                         {"beta", beta_outer, 0, 0},
                         {"gamma", gamma_outer, 0, 0},
                         {"delta", delta_outer, 0, 0},
                         {"random", random_bytes, 0, 0}};
  if (count < 3) return fprintf(stderr, "usage: burn LENGTH NAME=SHARE...\n"), 2;
  const char *name = getenv("BURN_NAME");
  if (name) prctl(PR_SET_NAME, name);
  read_shares(turns, 5, arguments + 2);
  puts("ready");
  fflush(stdout);
  take_turns(turns, 5, arguments[1]);
  const char *then = getenv("BURN_THEN");
  if (then) return execl(then, then, (char *)NULL), perror(then), 1;
}
