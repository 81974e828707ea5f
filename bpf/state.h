/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the programs and user space share: settings, tables, counters. Mirrored by
 * src/profiler/sampler/kernel-layout.ts.
 */
#ifndef PODFLAME_STATE_H
#define PODFLAME_STATE_H

#include "kernel.h"

#define ABSENT 0xffffffff

/*
 * Set once, before the programs are loaded. The map behind it is frozen then, so the verifier knows every value and
 * skips branches that can't be taken: a helper that this kernel lacks may stand in one of them.
 * Offsets are bytes within the kernel's structures, from its BTF.
 */
struct config {
  u32 only_tgid;     /* 0: all */
  u32 pid_namespace; /* inode of the one whose numbers are wanted; 0: the initial one's, which cost nothing */
  u32 has_task_registers;
  u32 task_flags;
  u32 task_pid;
  u32 task_mm;
  u32 task_stack;
  u32 task_thread_pointer;
  u32 task_signal;
  u32 task_cgroups;
  u32 task_group_leader;
  u32 task_start_boottime;
  u32 task_thread_pid;
  u32 pid_level;
  u32 pid_numbers;
  u32 upid_number;
  u32 upid_namespace;
  u32 namespace_inode;
  u32 mm_start_stack;
  u32 signal_live;
  u32 css_set_memory; /* the memory controller's slot; ABSENT if it has no hierarchy of its own */
  u32 css_cgroup;
  u32 css_parent;
  u32 cgroup_self;
  u32 cgroup_root;
  u32 cgroup_kn;
  u32 root_hierarchy;
  u32 root_subsystems;
  u32 kn_id;
  u32 kn_name;
  u32 memory_subsystem; /* its bit; 0 as above */
  u32 upid_size;
  u32 stack_registers; /* where the user's registers are saved, from the lowest address of the task's stack */
  u32 off_cpu_room;    /* bytes waiting in the ring beyond which off-CPU records are given up, for the sake of samples */
  u32 copy_bytes;      /* of a stack at most; 0: stacks are not copied */
  u32 copies;          /* a second and CPU at most */
  u32 copy_room;       /* bytes waiting in the ring beyond which stacks aren't copied, for the sake of samples */
};

const volatile struct config config SEC(".rodata.config") = {};

/* Changed by user space at any time. */
struct control {
  u32 selection;         /* enum selection */
  u32 off_cpu_threshold; /* an interval is kept if a random number is below it */
};

enum selection { SELECT_ALL, SELECT_ONLY, SELECT_EXCEPT };

volatile struct control control SEC(".bss.control");

/* Of one CPU. Each hit of the timer adds to exactly one of the first five. */
struct cpu_state {
  u64 samples;
  u64 idle;
  u64 denied;
  u64 other_process;
  u64 lost;
  u64 kernel_mode;
  u64 truncated;
  u64 left_cpu;
  u64 off_cpu_lost;
  u64 lifecycle;
  u64 lifecycle_lost;
  u64 copies;
  u64 copied_bytes;
  u64 copies_failed;
  u64 copies_spent;
  u64 copies_no_room;
};

struct map SEC("maps") cpu_states = {MAP_PERCPU_ARRAY, sizeof(u32), sizeof(struct cpu_state), 1};

/* Its size is set by user space. */
struct map SEC("maps") ring = {MAP_RINGBUF, 0, 0, 1 << 18};

/*
 * Keys of selected cgroups: the inode of the v2 directory, or that of the v1 directory with the top bit set, for
 * numbers of different hierarchies overlap. 250 pods of up to 8 directories; 80 B an entry.
 */
#define CGROUP_V1 (1ULL << 63)
struct map SEC("maps") selected = {MAP_HASH, sizeof(u64), sizeof(u8), 2048};

/* Addresses [start, start + bytes) whose code keeps frame pointers: hit there, a complete walk lacks no caller. */
struct kept_range {
  u64 start;
  u64 bytes;
};
#define KEPT_RANGES 4

/*
 * Where one build of CPython keeps what. Byte offsets, or where it says so words: fields of objects that are read as a whole.
 */
struct python {
  u64 runtime; /* address of _PyRuntime in the process */
  u16 interpreters_head;
  u16 interpreter_next;
  u16 threads_head;
  u8 cframe_frame; /* where the thread's word leads to another that leads to the frame; else NO_CFRAME */
  u8 string_hash;
  u8 thread_next; /* words from here on */
  u8 thread_id;
  u8 thread_frame;
  u8 frame_code;
  u8 frame_previous;
  u8 frame_instruction;
  u8 frame_entry;
  u8 frame_entry_shift; /* bits */
  u8 entry;             /* the byte there, of a frame at which C called Python */
  u8 code_name;
  u8 code_line;
  u8 code_version;
  u8 pad[20];
};

#define NO_CFRAME 0xff

_Static_assert(sizeof(struct python) == 48, "as user space writes it");

enum interpreter { INTERPRETER_NONE, INTERPRETER_CPYTHON };

/*
 * How the stacks of a process are to be taken, by tgid. Processes that aren't here are walked by frame pointers, and
 * copied if they need it, so only those of which more is known have an entry; 200 B each.
 */
struct process {
  u8 walk; /* enum walk */
  u8 copy; /* enum copy */
  u16 copy_bytes; /* of its stacks at most; 0: as the settings say */
  u8 interpreter; /* enum interpreter */
  u8 pad[3];
  /* Words of V8's frames, counted up from the fifth one below the frame pointer. */
  u8 slot_context;
  u8 slot_function;
  u8 slot_bytecode_array;
  u8 slot_bytecode_offset;
  u16 function_shared; /* byte offset */
  u8 pad2[2];
  struct python python;
  struct kept_range kept[KEPT_RANGES];
};

#define SLOT_WORDS 5
/* As far as objects of an interpreter are read; a power of two, so that a mask bounds every index. */
#define OBJECT_WORDS 32

enum walk { WALK_FRAME_POINTERS, WALK_V8 };

/* If needed: where the walk found no root, or hit code that isn't known to keep frame pointers. */
enum copy { COPY_IF_NEEDED, COPY_NEVER, COPY_ALWAYS };

_Static_assert(sizeof(struct process) == 128, "as user space writes it");

struct map SEC("maps") processes = {MAP_HASH, sizeof(u32), sizeof(struct process), 1024};

/* When a task left the CPU, by tid, while its stack waits in user space for the time it stayed away; 80 B an entry. */
struct map SEC("maps") away = {MAP_HASH, sizeof(u32), sizeof(u64), 4096};

/*
 * Where a record is put together: too large for the stack of a program, which ends at 512 bytes. The timer may hit
 * while a task is being switched, so each of the two has its own.
 */
struct scratch {
  u64 slots[SLOT_WORDS + 3]; /* words below a frame, the frame, and one more so that a mask bounds every index */
  u64 object[OBJECT_WORDS];  /* of an interpreter, whatever is looked at */
  /* What the walk found, kept out of registers: each value known to the verifier would be a state of its own. */
  u64 walk_end;
  u64 walk_next;
  /* Whether the innermost Python frames may be none, and the ones outside of them. */
  u64 is_doubtful;
  u64 outer_frame;
  struct record_header header;
  u64 words[WORDS];
  u64 slack[V8_FRAME_WORDS]; /* the last frame may begin at the last index that the mask allows */
};

/* With room for a copied stack behind the words, and what its CPU copied in this second. */
struct sample_scratch {
  struct scratch scratch;
  u8 stack[COPY_BYTES];
  u64 saved[REGISTER_WORDS];
  u64 is_copied; /* kept here for the verifier's sake, as above */
  u64 second_began;
  u64 copies;
};

/* One each for all CPUs, by number: entries of per-CPU arrays end at 32 KiB. How many there are is set by user space. */
struct map SEC("maps") sample_scratch = {MAP_ARRAY, sizeof(u32), sizeof(struct sample_scratch), 1};
struct map SEC("maps") switch_scratch = {MAP_PERCPU_ARRAY, sizeof(u32), sizeof(struct scratch), 1};

#endif
