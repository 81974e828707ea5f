/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the programs use of the kernel: helper functions by their number (stable ABI, include/uapi/linux/bpf.h), how
 * maps are declared for our loader (src/linux/kernel/bpf-object.ts), and the registers of both machines.
 */
#ifndef PODFLAME_KERNEL_H
#define PODFLAME_KERNEL_H

#include "record.h"

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

/* The five words that the loader reads from the section "maps". */
struct map {
  u32 type;
  u32 key_size;
  u32 value_size;
  u32 max_entries;
  u32 flags;
};

#define MAP_HASH 1
#define MAP_ARRAY 2
#define MAP_PERCPU_ARRAY 6
#define MAP_RINGBUF 27

#define HELPER(number) ((void *)(number))
static void *(*map_lookup)(const struct map *map, const void *key) = HELPER(1);
static long (*map_update)(const struct map *map, const void *key, const void *value, u64 flags) = HELPER(2);
static long (*map_delete)(const struct map *map, const void *key) = HELPER(3);
static u64 (*ktime_ns)(void) = HELPER(5);
static u32 (*random_u32)(void) = HELPER(7);
static u32 (*processor_id)(void) = HELPER(8);
static u64 (*current_pid_tgid)(void) = HELPER(14);
static long (*current_comm)(void *text, u32 size) = HELPER(16);
static u64 (*current_task)(void) = HELPER(35);
static long (*get_stack)(void *context, void *addresses, u32 size, u64 flags) = HELPER(67);
static u64 (*current_cgroup_id)(void) = HELPER(80);
static long (*read_user)(void *to, u32 size, u64 address) = HELPER(112);
static long (*read_kernel)(void *to, u32 size, u64 address) = HELPER(113);
static long (*read_kernel_text)(void *to, u32 size, u64 address) = HELPER(115);
static long (*ring_output)(const struct map *ring, const void *bytes, u64 size, u64 flags) = HELPER(130);
static void *(*ring_reserve)(const struct map *ring, u64 size, u64 flags) = HELPER(131);
static void (*ring_submit)(void *record, u64 flags) = HELPER(132);
static u64 (*ring_query)(const struct map *ring, u64 what) = HELPER(134);
static void *(*current_task_btf)(void) = HELPER(158);  /* since 5.11 */
static u64 (*task_registers)(const void *task) = HELPER(175);  /* since 5.15 */

/* User space looks at the ring by its own clock: waking it would cost more than the record. */
#define RING_NO_WAKEUP 1
#define RING_WAITING_BYTES 0

/*
 * Makes the compiler forget what it knows of a value: it would otherwise remove the mask that proves a bound to the
 * verifier, having proved it itself.
 */
#define FORGET(value) __asm__ volatile("" : "+r"(value))

#define TASK_KERNEL_THREAD 0x00200000 /* PF_KTHREAD */
#define TASK_EXITING 0x00000004       /* PF_EXITING */

/* The saved registers as words, which is also what the context of a perf event program begins with. */
#if defined(TARGET_x86_64)
#define REGISTER_WORDS 21
#define REGISTER_FP 4  /* rbp */
#define REGISTER_PC 16 /* rip */
#define REGISTER_SP 19 /* rsp */
#define REGISTER_MODE 17 /* cs */
#define USER_MODE(word) (((word) & 3) == 3)
/* 64-bit user code; the other value, 0x23, is 32-bit code with frames of another shape. */
#define WIDE_MODE(word) ((word) == 0x33)
#define CODE_ADDRESS(word) (word)
#define DWARF_REGISTERS 17
/* rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15, rip. */
#define DWARF_ORDER(saved, to) \
  (to)[0] = (saved)[10], (to)[1] = (saved)[12], (to)[2] = (saved)[11], (to)[3] = (saved)[5], (to)[4] = (saved)[13], \
  (to)[5] = (saved)[14], (to)[6] = (saved)[4], (to)[7] = (saved)[19], (to)[8] = (saved)[9], (to)[9] = (saved)[8], \
  (to)[10] = (saved)[7], (to)[11] = (saved)[6], (to)[12] = (saved)[3], (to)[13] = (saved)[2], (to)[14] = (saved)[1], \
  (to)[15] = (saved)[0], (to)[16] = (saved)[16]
#elif defined(TARGET_arm64)
#define REGISTER_WORDS 34
#define REGISTER_FP 29
#define REGISTER_PC 32
#define REGISTER_SP 31
#define REGISTER_MODE 33 /* pstate */
#define USER_MODE(word) (((word) & 0xf) == 0)
#define WIDE_MODE(word) (((word) & 0x10) == 0)
#define DWARF_REGISTERS 33
/* x0 to x30, sp and pc stand in DWARF's order already. */
#define DWARF_ORDER(saved, to) \
  for (u32 i = 0; i < DWARF_REGISTERS; i++) \
    (to)[i] = (saved)[i]
/* Return addresses may be signed in their unused upper bits. */
#define CODE_ADDRESS(word) ((word) & 0xffffffffffffULL)
#else
#error "compile with -DTARGET_x86_64 or -DTARGET_arm64"
#endif

struct registers {
  u64 word[REGISTER_WORDS];
};

#endif
