/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the programs write to the ring buffer. Little endian, 64-bit words; read by src/profiler/sampler/record.ts.
 * A record is its header and, behind it, only as much of `words` as the header counts, in this order:
 *
 *   kernel frames | user frames | registers | interpreter frames | stack words
 *
 * Registers are those of the leaf in the order of their DWARF numbers, the pc last: 17 words on x86-64, 33 on arm64.
 * They and the stack, from the stack pointer upwards, are there only where it was copied. An interpreter's frame is two
 * words, leaf first. CPython's:
 *
 *   instruction | upper 8 bits of the code's print << 48 | what tells how it was entered << 56
 *   code object | lower 16 bits of its print << 48
 *
 * The print tells whether the code object that user space finds there is still the one that ran, see python.h.
 */
#ifndef PODFLAME_RECORD_H
#define PODFLAME_RECORD_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef short s16;
typedef long long s64;

#define RECORD_VERSION 1

enum record_kind {
  RECORD_ON_CPU = 1,
  /* 2 is what user space makes of 5 and 6: time spent away from the CPU, with its stack. They are matched by the thread's
     number in the initial pid namespace: the first one's value, the other's tid. */
  RECORD_EXEC = 3,
  RECORD_EXIT = 4,
  RECORD_LEFT_CPU = 5,
  RECORD_BACK_ON_CPU = 6,
  /* A cgroup, in cgroup_v2 or cgroup_v1, was made or removed. */
  RECORD_CGROUP_MADE = 7,
  RECORD_CGROUP_REMOVED = 8,
};

enum record_flag {
  FLAG_KERNEL_MODE = 1 << 0,
  FLAG_ROOTED = 1 << 1,
  FLAG_FRAME_LIMIT = 1 << 2,
  /* The stack is longer than what was copied of it. */
  FLAG_COPY_CUT = 1 << 3,
  /* It was to be copied, but: could not be read, in whole or at all; this second's copies were spent; the ring was half full. */
  FLAG_COPY_FAILED = 1 << 4,
  FLAG_COPY_SPENT = 1 << 5,
  FLAG_COPY_NO_ROOM = 1 << 6,
  /* The interpreter's frames: could not be read to the end; were more than there is room for; are of several interpreters. */
  FLAG_INTERPRETER_LOST = 1 << 7,
  FLAG_INTERPRETER_LIMIT = 1 << 8,
  FLAG_KERNEL_TRUNCATED = 1 << 9,
  FLAG_BAD_FRAME = 1 << 10,
  FLAG_KERNEL_THREAD = 1 << 11,
  FLAG_ZERO_END = 1 << 12,
  FLAG_INTERPRETERS = 1 << 13,
};

/* The default of kernel.perf_event_max_stack: the kernel's own walk gives no more either. */
#define MAX_FRAMES 127
#define V8_FRAME_WORDS 5
#define INTERPRETER_FRAME_WORDS 2
/*
 * 127 kernel frames + 127 user frames of 5 words + 33 registers are 795, 127 of the kernel + 127 of the user + 33 registers +
 * 127 of an interpreter are 541; a power of two, so that a mask bounds every index.
 */
#define WORDS 1024
/* The most that is copied of a stack: 24 KiB. */
#define COPY_BYTES 24576
/* All that a record holds, with a copied stack. */
#define RECORD_WORDS 4096

struct record_header {
  u8 version;
  u8 kind;
  u16 flags;
  u32 size;
  u32 tgid; /* both as the agent's pid namespace numbers them; 0 if the process isn't in it */
  u32 tid;
  u64 time;        /* CLOCK_MONOTONIC */
  u64 start_time;  /* CLOCK_BOOTTIME, of the group leader */
  u64 cgroup_v2;
  u64 cgroup_v1;   /* of the memory controller */
  u64 stack_top;
  u64 value;       /* nanoseconds away from the CPU */
  u16 cpu;
  u16 kernel_frames;
  u16 user_frames;
  u8 user_words;   /* words a user frame */
  u8 registers;
  u16 interpreter_frames;
  u8 interpreter;
  u8 reserved;
  u16 stack_words;
  u16 reserved2;
  char comm[16];
};

_Static_assert(sizeof(struct record_header) == 96, "sections begin at byte 96");

/* Names of directories have 255 bytes at most. */
#define CGROUP_NAME_BYTES 256

/* What stands in place of the sections where a cgroup was made. The zero behind the name ends it. */
struct cgroup_record {
  struct record_header header;
  u64 parent;
  char name[CGROUP_NAME_BYTES];
};

#endif
