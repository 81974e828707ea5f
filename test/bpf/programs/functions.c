/*
 * functions MODE: burns CPU in functions that a test knows, all with frame pointers. Says "ready" first.
 *   main     main -> outer -> middle -> leaf
 *   thread   a second thread: work -> outer -> middle -> leaf
 *   calls    main -> ask: system calls without end
 *   deep     main -> dig, 200 times itself -> leaf
 *   naps     main -> nap: sleeps of 50 ms, and prints how long each was, in nanoseconds, when it gets SIGTERM
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone))
/* The call is not the last thing, so it can't become a jump. */
#define STAY __asm__ volatile("" ::: "memory")

static volatile uint64_t sink;
static volatile sig_atomic_t asked_to_end;

KEEP void leaf(void) {
  /* Asking for the frame makes gcc keep one, which it leaves out of functions that call none whatever it is told. */
  sink += (uintptr_t)__builtin_frame_address(0);
  for (int i = 0; i < 100000; i++) sink += (uint64_t)i * i;
  STAY;
}
KEEP void middle(void) { leaf(); STAY; }
KEEP void outer(void) { middle(); STAY; }
KEEP void *work(void *unused) {
  for (;;) outer();
  return unused;
}
KEEP void dig(int depth) {
  if (depth > 0) dig(depth - 1);
  else leaf();
  STAY;
}
KEEP void ask(void) {
  /* Reading a large block of zeros stays in the kernel for long. */
  static char block[1 << 16];
  static int zero = -1;
  if (zero < 0) zero = fileno(fopen("/dev/zero", "r"));
  sink += syscall(SYS_read, zero, block, sizeof(block));
  STAY;
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
KEEP void nap(void) {
  struct timespec length = {0, 50000000};
  uint64_t before = now_ns();
  nanosleep(&length, NULL);
  printf("%llu\n", (unsigned long long)(now_ns() - before));
  fflush(stdout);
  STAY;
}
static void end(int unused) { (void)unused; asked_to_end = 1; }

int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "";
  pthread_t thread;
  puts("ready");
  fflush(stdout);
  if (!strcmp(mode, "thread")) {
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
  }
  while (!strcmp(mode, "calls")) ask();
  while (!strcmp(mode, "deep")) dig(200);
  if (!strcmp(mode, "naps")) {
    signal(SIGTERM, end);
    while (!asked_to_end) nap();
    return 0;
  }
  for (;;) outer();
}
