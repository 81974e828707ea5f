/*
 * restless LENGTH: never the same twice: in turn it
 *
 *   maps code at one address, runs it, and maps other code there;
 *   replaces its own program's pages by a copy of them in anonymous memory, which no file tells the names of;
 *   makes thousands of mappings and takes them away again;
 *   renames its thread.
 *
 * x86-64 only. Ends with `ready` before it begins and an account like `burn`.
 */
#define _GNU_SOURCE
#include "shares.h"
#include <sys/mman.h>
#include <sys/prctl.h>

#define PAGE 4096u
#define HERE ((void *)0x10000000)
#define MAPPINGS 20000

/* mov eax,N; dec eax; jnz -4; ret */
static const unsigned char loop_code[] = {0xb8, 0xa0, 0x86, 0x01, 0x00, 0xff, 0xc8, 0x75, 0xfc, 0xc3};

extern char __executable_start[], etext[];

static void map_code(uint64_t until_ns) {
  while (cpu_ns() < until_ns) {
    unsigned char *memory =
        mmap(HERE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (memory == MAP_FAILED) abort();
    size_t offset = (size_t)rand() % (PAGE - sizeof loop_code);
    memcpy(memory + offset, loop_code, sizeof loop_code);
    mprotect(memory, PAGE, PROT_READ | PROT_EXEC);
    unsigned char *code = memory + offset;
    void (*function)(void);
    memcpy(&function, &code, sizeof code);
    function();
    munmap(memory, PAGE);
  }
}

/* The page with the code that does this is the same before, in between and after, so it may run on. */
static void replace_text(uint64_t until_ns) {
  char *start = (char *)((uintptr_t)__executable_start & -(uintptr_t)PAGE);
  size_t length = ((size_t)(etext - start) + PAGE - 1) & -(size_t)PAGE;
  char *copy = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) abort();
  memcpy(copy, start, length);
  mprotect(copy, length, PROT_READ | PROT_EXEC);
  if (mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, start) == MAP_FAILED) abort();
  while (cpu_ns() < until_ns) compute();
}

static void many_mappings(uint64_t until_ns) {
  char *memory = mmap(NULL, (size_t)MAPPINGS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  /* Neighbours with other rights can't be one mapping. */
  for (size_t i = 0; i < MAPPINGS; i += 2) mprotect(memory + i * PAGE, PAGE, PROT_READ | PROT_EXEC);
  while (cpu_ns() < until_ns) compute();
  munmap(memory, (size_t)MAPPINGS * PAGE);
}

static void rename_thread(uint64_t until_ns) {
  for (unsigned int i = 0; cpu_ns() < until_ns; i++) {
    /* Bytes that are no text, escape sequences among them. */
    char name[16] = {(char)0x1b, '[', (char)('a' + i % 26), (char)0xff, (char)(1 + i % 255), 0};
    prctl(PR_SET_NAME, name);
    compute();
  }
}

int main(int count, char **arguments) {
  struct turn turns[] = {{"map_code", map_code, 25, 0},
                         {"replace_text", replace_text, 25, 0},
                         {"many_mappings", many_mappings, 25, 0},
                         {"rename_thread", rename_thread, 25, 0}};
  if (count != 2) return fprintf(stderr, "usage: restless LENGTH\n"), 2;
  puts("ready");
  fflush(stdout);
  take_turns(turns, 4, arguments[1]);
}
