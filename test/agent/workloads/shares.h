/*
 * What the C and C++ workloads have in common: turns for functions by shares of this thread's CPU time, and the account
 * of what each really got. A turn lasts 0.2 to 1.6 ms, at random, so that no sampling frequency keeps step with it.
 */
#ifndef SHARES_H
#define SHARES_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct turn {
  const char *name;
  void (*function)(uint64_t until_ns);
  double share;
  uint64_t spent_ns;
};

static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signal_number) {
  (void)signal_number;
  asked_to_end = 1;
}

static inline void end_on_sigterm(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = ask_to_end;
  sigaction(SIGTERM, &action, NULL);
}

static inline uint64_t now_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/*
 * A system call from the caller itself: libc's functions have no frame pointer, so the walk would miss who called them.
 */
static inline __attribute__((always_inline)) long system_call(long number, const void *a, uint64_t b, uint64_t c) {
#if defined(__x86_64__)
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
#else
  return syscall(number, a, b, c);
#endif
}

/* CPU time of this thread. */
static inline __attribute__((always_inline)) uint64_t cpu_ns(void) {
  struct timespec time;
  system_call(SYS_clock_gettime, (const void *)CLOCK_THREAD_CPUTIME_ID, (uint64_t)(uintptr_t)&time, 0);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Arithmetic that no compiler shortens: some 0.1 ms, so that asking for the time doesn't count. */
static inline __attribute__((always_inline)) void compute(void) {
  uint64_t value = 88172645463325252u;
  for (int i = 0; i < 60000; i++) {
    value ^= value << 13;
    value ^= value >> 7;
    __asm__ volatile("" : "+r"(value));
  }
}

/* `NAME=SHARE` arguments choose from the turns; the others get none. */
static inline void read_shares(struct turn *turns, int count, char **arguments) {
  for (; *arguments; arguments++) {
    const char *equals = strchr(*arguments, '=');
    for (int i = 0; equals && i < count; i++) {
      size_t length = (size_t)(equals - *arguments);
      if (strlen(turns[i].name) == length && !strncmp(turns[i].name, *arguments, length)) turns[i].share = atof(equals + 1);
    }
  }
}

static void print_account(const struct turn *turns, int count, uint64_t total_ns) {
  printf("{\"totalNs\":%llu,\"spentNs\":{", (unsigned long long)total_ns);
  const char *comma = "";
  for (int i = 0; i < count; i++) {
    if (turns[i].share == 0) continue;
    printf("%s\"%s\":%llu", comma, turns[i].name, (unsigned long long)turns[i].spent_ns);
    comma = ",";
  }
  puts("}}");
  fflush(stdout);
}

/*
 * Gives turns, always to the function that is furthest behind its share, then prints the account as JSON. `length` is in
 * seconds of wall time, or of CPU time where `cpu` follows the number; SIGTERM ends it earlier.
 */
static __attribute__((noinline, noclone, unused)) void take_turns(struct turn *turns, int count, const char *length) {
  end_on_sigterm();
  clockid_t clock = strstr(length, "cpu") ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  uint64_t end_ns = now_ns(clock) + (uint64_t)(atof(length) * 1e9);
  uint64_t start_ns = cpu_ns(), total_ns = 0;
  unsigned int seed = (unsigned int)now_ns(CLOCK_REALTIME);
  while (!asked_to_end && now_ns(clock) < end_ns) {
    struct turn *next = NULL;
    double furthest = 0;
    for (int i = 0; i < count; i++) {
      if (turns[i].share == 0) continue;
      double behind = (double)(total_ns + 1) * turns[i].share - (double)turns[i].spent_ns * 100;
      if (!next || behind > furthest) next = &turns[i], furthest = behind;
    }
    uint64_t before_ns = cpu_ns();
    next->function(before_ns + 200000u + (uint64_t)(rand_r(&seed) % 1400000));
    uint64_t spent_ns = cpu_ns() - before_ns;
    next->spent_ns += spent_ns;
    total_ns += spent_ns;
  }
  print_account(turns, count, cpu_ns() - start_ns);
}

#endif
