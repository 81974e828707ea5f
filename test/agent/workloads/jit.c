/*
 * jit LENGTH NAME=SHARE...: a runtime that compiles: writes two loops (`hot`, `warm`) into anonymous executable memory
 * and their names into /tmp/perf-PID.map, where PID is its own in its own pid namespace and /tmp that of its own mounts.
 * Otherwise as `burn`. x86-64 only.
 *
 * JIT_MAP in the environment makes something else of the map: `fifo`, `link` (to /etc/shadow), `huge` (10 GB, sparse,
 * behind the two names), `folder`, `text` (lines that are none).
 */
#include "shares.h"
#include <sys/mman.h>
#include <sys/stat.h>

/* push rbp; mov rbp,rsp; mov eax,N; dec eax; jnz -4; pop rbp; ret */
static const unsigned char loop_code[] = {0x55, 0x48, 0x89, 0xe5, 0xb8, 0x00, 0x00, 0x00, 0x00,
                                          0xff, 0xc8, 0x75, 0xfc, 0x5d, 0xc3};
/* N, patched in: some 0.1 ms. */
#define ITERATIONS 100000u
#define SLOT 64

static void (*compiled[2])(void);

static void run_until(void (*code)(void), uint64_t until_ns) {
  while (cpu_ns() < until_ns) code();
}

static void hot(uint64_t until_ns) { run_until(compiled[0], until_ns); }
static void warm(uint64_t until_ns) { run_until(compiled[1], until_ns); }

static int write_map(const char *path, const unsigned char *memory, const struct turn *turns) {
  FILE *map = fopen(path, "w");
  if (!map) return -1;
  for (int i = 0; i < 2; i++) {
    fprintf(map, "%lx %lx compiled_%s\n", (unsigned long)(memory + i * SLOT), sizeof loop_code, turns[i].name);
  }
  return fclose(map);
}

static int make_map(const unsigned char *memory, const struct turn *turns) {
  const char *kind = getenv("JIT_MAP");
  char path[64];
  snprintf(path, sizeof path, "/tmp/perf-%d.map", getpid());
  if (!kind) return write_map(path, memory, turns);
  if (!strcmp(kind, "fifo")) return mkfifo(path, 0644);
  if (!strcmp(kind, "link")) return symlink("/etc/shadow", path);
  if (!strcmp(kind, "folder")) return mkdir(path, 0755);
  if (!strcmp(kind, "huge")) return write_map(path, memory, turns) || truncate(path, 10000000000);
  FILE *map = fopen(path, "w");
  for (int i = 0; map && i < 100000; i++) fprintf(map, "%x no\t\n\n%c", i * 7919, i);
  return map ? fclose(map) : -1;
}

int main(int count, char **arguments) {
  struct turn turns[] = {{"hot", hot, 0, 0}, {"warm", warm, 0, 0}};
  if (count < 3) return fprintf(stderr, "usage: jit LENGTH NAME=SHARE...\n"), 2;
  read_shares(turns, 2, arguments + 2);

  unsigned char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return perror("mmap"), 1;
  for (int i = 0; i < 2; i++) {
    unsigned char *code = memory + i * SLOT;
    uint32_t iterations = ITERATIONS;
    memcpy(code, loop_code, sizeof loop_code);
    memcpy(code + 5, &iterations, 4);
    memcpy(&compiled[i], &code, sizeof code);
  }
  mprotect(memory, 4096, PROT_READ | PROT_EXEC);
  if (make_map(memory, turns) != 0) return perror("map"), 1;

  puts("ready");
  fflush(stdout);
  take_turns(turns, 2, arguments[1]);
}
