/* Functions of every kind that symbol tables know: exported, hidden, aliased, resolved at load time, of assembly. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile int sink;

static __attribute__((noinline)) int hidden_worker(int n) {
  for (int i = 0; i < n; i++) sink += i;
  return sink;
}

__attribute__((noinline)) int exported_worker(int n) { return hidden_worker(n) + 1; }

/* Two names, of which people know the second. */
int __doubled(int n) { return exported_worker(n) * 2; }
extern __typeof(__doubled) doubled __attribute__((weak, alias("__doubled")));

__attribute__((cold, noinline)) void rarely(void) { puts("rarely"); }

/* No type, no size, its own section of code, and 64 bytes of nothing before it. */
__asm__(
    ".section .text.assembly,\"ax\"\n"
    ".zero 64\n"
    ".globl bare_label\n"
    "bare_label:\n"
    "  nop\n  nop\n  nop\n  ret\n"
    ".size_known:\n"
    ".type sized_label, @function\n"
    "sized_label:\n"
    "  nop\n  ret\n"
    ".size sized_label, 2\n"
    ".zero 30\n"
    ".text\n");

int main(int argc, char **argv) {
  char text[64];
  snprintf(text, sizeof text, "%d %s", doubled(argc), argv[0]);
  if (argc > 9) rarely();
  return write(1, text, strlen(text)) < 0;
}
