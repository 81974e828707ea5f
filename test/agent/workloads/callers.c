/*
 * Burns CPU time where call stacks are hard to follow: below the C library's sort, in its formatting, in mathematics and
 * memory functions without frames, in recursion, in a thread, and in a signal handler if asked for.
 *
 *   callers SECONDS [signal | altstack | alone]
 *
 * alone: in one thread.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define KEEP __attribute__((noinline, noclone))

static volatile double sink;
static char from[1 << 16], to[1 << 16];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

KEEP static int compare(const void *left, const void *right) {
  int a = *(const int *)left, b = *(const int *)right;
  memcpy(to, from, 512);
  sink += sin(a);
  return (a > b) - (a < b);
}

KEEP static void sorting(int seed) {
  int numbers[256];
  for (int i = 0; i < 256; i++)
    numbers[i] = (i * 7919 + seed) % 1009;
  qsort(numbers, 256, sizeof(int), compare);
  sink += numbers[3];
}

KEEP static void formatting(int seed) {
  char text[256];
  for (int i = 0; i < 64; i++)
    sink += snprintf(text, sizeof(text), "%d %.9f %s", seed, sink, "text");
}

KEEP static int descending(int depth) {
  volatile char frame[64];
  frame[depth & 63] = depth;
  if (depth == 0) {
    for (int i = 0; i < 64; i++) {
      memcpy(to, from, sizeof(from));
      sink += exp(i) + to[i];
    }
    return 1;
  }
  return descending(depth - 1) + frame[depth & 63];
}

KEEP static void round_of_work(int seed) {
  sorting(seed);
  formatting(seed);
  sink += descending(20);
}

static void *thread_work(void *until) {
  for (int i = 0; now() < *(double *)until; i++)
    round_of_work(i);
  return 0;
}

static void on_signal(int number) {
  /* About a third of the time between two signals, so that many samples hit it. */
  for (int i = 0; i < 8000; i++)
    sink += number + cos(i);
}

int main(int argc, char **argv) {
  double until = now() + atof(argc > 1 ? argv[1] : "1");
  const char *mode = argc > 2 ? argv[2] : "";
  pthread_t thread;

  if (strcmp(mode, "alone") == 0) {
    thread_work(&until);
    return 0;
  }
  if (*mode) {
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval often = {{0, 300}, {0, 300}};
    if (strcmp(mode, "altstack") == 0) {
      stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
      sigaltstack(&stack, 0);
      action.sa_flags = SA_ONSTACK;
    }
    /* Timers of CPU time are no finer than the kernel's tick. */
    sigaction(SIGALRM, &action, 0);
    setitimer(ITIMER_REAL, &often, 0);
    thread_work(&until);
    return 0;
  }
  pthread_create(&thread, 0, thread_work, &until);
  thread_work(&until);
  pthread_join(thread, 0);
  return 0;
}
