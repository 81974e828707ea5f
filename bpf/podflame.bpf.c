/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The kernel's part of the node agent: a sample of whoever runs when a CPU's timer fires, the life of processes, and,
 * if wanted, the time that tasks spend away from the CPU. Records go to one ring buffer; nothing is aggregated here.
 *
 * What isn't wanted is sorted out first, at the price of a look-up. A program never fails: what can't be read is left
 * out and flagged, what can't be written is counted.
 */
#include "copy.h"
#include "python.h"

INLINE u64 read_word(u64 address) {
  u64 word = 0;
  read_kernel(&word, sizeof(word), address);
  return word;
}

INLINE u32 read_half(u64 address) {
  u32 half = 0;
  read_kernel(&half, sizeof(half), address);
  return half;
}

INLINE struct cpu_state *this_cpu(void) {
  u32 zero = 0;
  return map_lookup(&cpu_states, &zero);
}

/* The cgroup directory of the memory controller that a task is in. */
INLINE u64 memory_cgroup_id(u64 task) {
  u64 set, state, cgroup, node;

  if (config.css_set_memory == ABSENT)
    return 0;
  set = read_word(task + config.task_cgroups);
  state = read_word(set + config.css_set_memory);
  if (!state)
    return 0;
  cgroup = read_word(state + config.css_cgroup);
  node = read_word(cgroup + config.cgroup_kn);
  return read_word(node + config.kn_id);
}

INLINE int is_selected(u64 cgroup_v2, u64 cgroup_v1) {
  u32 selection = control.selection;
  u64 key = cgroup_v2;
  int found;

  if (selection == SELECT_ALL)
    return 1;
  found = map_lookup(&selected, &key) != 0;
  if (!found) {
    key = cgroup_v1 | CGROUP_V1;
    found = map_lookup(&selected, &key) != 0;
  }
  return found == (selection == SELECT_ONLY);
}

/* Depth to which pid namespaces nest (MAX_PID_NS_LEVEL), and the initial one. */
#define PID_LEVELS 33

/*
 * Process and thread of a task as the agent's pid namespace numbers them, 0 if they aren't in it. A task has a number
 * in each namespace from its own up to the initial one, and the agent's own is as a rule the innermost or next to it.
 */
INLINE u64 pids_of(u64 task) {
  u64 process = read_word(read_word(task + config.task_group_leader) + config.task_thread_pid);
  u32 level = read_half(process + config.pid_level);

#pragma clang loop unroll(disable)
  for (u32 i = 0; i < PID_LEVELS; i++) {
    u64 number = config.pid_numbers + (u64)level * config.upid_size;
    u64 namespace = read_word(process + number + config.upid_namespace);

    if (read_half(namespace + config.namespace_inode) == config.pid_namespace) {
      u64 thread = read_word(task + config.task_thread_pid);
      u64 tgid = read_half(process + number + config.upid_number);
      return tgid << 32 | read_half(thread + number + config.upid_number);
    }
    if (level-- == 0)
      break;
  }
  return 0;
}

/* The same of the current task. */
INLINE u64 current_pids(void) {
  return config.pid_namespace ? pids_of(current_task()) : current_pid_tgid();
}

INLINE int is_other_process(void) {
  return config.only_tgid && current_pids() >> 32 != config.only_tgid;
}

/* Identity of the current task. Everything else in the header is zero. */
INLINE void fill_header(struct record_header *header, u8 kind, u64 now, u64 task, u64 cgroup_v2, u64 cgroup_v1) {
  u64 ids = current_pids();

  __builtin_memset(header, 0, sizeof(*header));
  header->version = RECORD_VERSION;
  header->kind = kind;
  header->size = sizeof(*header);
  header->tgid = ids >> 32;
  header->tid = ids;
  header->time = now;
  header->start_time = read_word(read_word(task + config.task_group_leader) + config.task_start_boottime);
  header->cgroup_v2 = cgroup_v2;
  header->cgroup_v1 = cgroup_v1;
  header->cpu = processor_id();
  current_comm(header->comm, sizeof(header->comm));
}

/* Where the kernel keeps the registers with which the current task entered it. */
INLINE u64 saved_registers_at(u64 task) {
  if (config.has_task_registers)
    return task_registers(current_task_btf());
  return read_word(task + config.task_stack) + config.stack_registers;
}

INLINE void saved_registers(u64 task, struct user_registers *user) {
  u64 at = saved_registers_at(task);

  user->pc = read_word(at + 8 * REGISTER_PC);
  user->fp = read_word(at + 8 * REGISTER_FP);
  user->sp = read_word(at + 8 * REGISTER_SP);
  user->mode = read_word(at + 8 * REGISTER_MODE);
}

/* Where the stack of the current thread begins; 0 if `sp` lies in another stack, or nobody knows. */
INLINE u64 stack_top(u64 task, u64 mm, u64 sp, int main_thread) {
  u64 top;

  if (main_thread) {
    top = read_word(mm + config.mm_start_stack);
  } else {
    /* The C library's descriptor of a thread lies at the top of its stack. */
    top = read_word(task + config.task_thread_pointer);
  }
  return top > sp && top - sp < LARGEST_STACK ? top : 0;
}

INLINE void take_kernel_stack(void *context, struct scratch *scratch) {
  long bytes = get_stack(context, scratch->words, MAX_FRAMES * sizeof(u64), 0);

  scratch->header.kernel_frames = bytes > 0 ? (u64)bytes / 8 : 0;
  if (bytes == MAX_FRAMES * sizeof(u64))
    scratch->header.flags |= FLAG_KERNEL_TRUNCATED;
}

/* How the stacks of the sampled process are to be taken; null if nothing is known of it. */
INLINE struct process *process_of(const struct scratch *scratch) {
  u32 tgid = scratch->header.tgid;

  return map_lookup(&processes, &tgid);
}

/* The user part of the stack, behind the kernel's. True if it could be walked. */
INLINE int take_user_stack(struct scratch *scratch, u64 task, u64 mm, const struct user_registers *user,
                           const struct process *process) {
  struct record_header *header = &scratch->header;
  u64 ids = current_pid_tgid();
  int main_thread = ids >> 32 == (u32)ids;
  u32 first = header->kernel_frames;

  scratch->walk_end = 0;
  scratch->walk_next = 0;
  header->stack_top = stack_top(task, mm, user->sp, main_thread);
  if (!valid_code(user->pc)) {
    /* A thread that the kernel made for a process, as io_uring does, never ran user code. */
    header->flags |= FLAG_BAD_FRAME;
    return 0;
  }
  if (!WIDE_MODE(user->mode)) {
    scratch->words[first & (WORDS - 1)] = user->pc;
    header->user_words = 1;
    header->user_frames = 1;
    header->flags |= FLAG_BAD_FRAME;
    return 0;
  }
  if (process && process->walk == WALK_V8)
    walk_v8(scratch, user, process, first);
  else
    walk_frame_pointers(scratch, user, first);
  if (!(header->flags & FLAG_FRAME_LIMIT))
    header->flags |= end_of_walk(scratch, header->stack_top, main_thread);
  return 1;
}

/* Behind the registers, if there are any: the frames of the interpreter that the process is known to run. */
INLINE void take_interpreter_frames(struct scratch *scratch, u64 task, const struct process *process) {
  if (process && process->interpreter == INTERPRETER_CPYTHON && process->walk != WALK_V8)
    walk_python(scratch, &process->python, read_word(task + config.task_thread_pointer));
}

/* Writes the record, of which there are `room` words at most (a power of two). */
INLINE long send(struct scratch *scratch, u64 room) {
  const struct record_header *header = &scratch->header;
  u64 words = header->kernel_frames + header->user_frames * (u64)header->user_words + header->registers +
              header->interpreter_frames * (u64)INTERPRETER_FRAME_WORDS + header->stack_words;
  u64 size;

  FORGET(words);
  size = sizeof(struct record_header) + 8 * (words & (room - 1));
  scratch->header.size = size;
  return ring_output(&ring, &scratch->header, size, RING_NO_WAKEUP);
}

SEC("perf_event/on_cpu")
int on_cpu(struct registers *context) {
  struct cpu_state *cpu = this_cpu();
  u64 now = ktime_ns();
  u64 mode = context->word[REGISTER_MODE];
  u32 number = processor_id();
  u64 task, cgroup_v2, cgroup_v1, mm;
  struct user_registers user;
  struct sample_scratch *sample;
  struct scratch *scratch;
  struct process *process;

  if (!cpu)
    return 0;
  if ((u32)current_pid_tgid() == 0) {
    cpu->idle++;
    return 0;
  }
  if (is_other_process()) {
    cpu->other_process++;
    return 0;
  }
  task = current_task();
  cgroup_v2 = current_cgroup_id();
  cgroup_v1 = memory_cgroup_id(task);
  if (!is_selected(cgroup_v2, cgroup_v1)) {
    cpu->denied++;
    return 0;
  }
  sample = map_lookup(&sample_scratch, &number);
  if (!sample)
    return 0;
  scratch = &sample->scratch;
  fill_header(&scratch->header, RECORD_ON_CPU, now, task, cgroup_v2, cgroup_v1);
  if (!USER_MODE(mode)) {
    scratch->header.flags |= FLAG_KERNEL_MODE;
    take_kernel_stack(context, scratch);
  }
  if (read_half(task + config.task_flags) & TASK_KERNEL_THREAD)
    scratch->header.flags |= FLAG_KERNEL_THREAD;
  mm = read_word(task + config.task_mm);
  /* A thread of the kernel may borrow a process's memory, and a process that ends has none left. */
  if (mm && !(scratch->header.flags & FLAG_KERNEL_THREAD)) {
    if (USER_MODE(mode)) {
      user.pc = context->word[REGISTER_PC];
      user.fp = context->word[REGISTER_FP];
      user.sp = context->word[REGISTER_SP];
      user.mode = mode;
    } else {
      saved_registers(task, &user);
    }
    process = process_of(scratch);
    if (take_user_stack(scratch, task, mm, &user, process)) {
      sample->is_copied = 0;
      if (config.copy_bytes && needs_copy(&scratch->header, process, user.pc) && may_copy(sample, cpu, now)) {
        if (take_registers(sample, saved_registers_at(task), &user)) {
          sample->is_copied = 1;
        } else {
          scratch->header.flags |= FLAG_COPY_FAILED;
          cpu->copies_failed++;
        }
      }
      take_interpreter_frames(scratch, task, process);
      if (sample->is_copied)
        take_stack(sample, cpu, process, user.sp);
    }
  }
  if (send(scratch, RECORD_WORDS)) {
    cpu->lost++;
    return 0;
  }
  cpu->samples++;
  if (scratch->header.flags & FLAG_KERNEL_MODE)
    cpu->kernel_mode++;
  if (scratch->header.flags & (FLAG_BAD_FRAME | FLAG_FRAME_LIMIT))
    cpu->truncated++;
  return 0;
}

/* A record without stack of the current task, unless nobody wants to know of it. */
INLINE void send_event(u8 kind) {
  struct cpu_state *cpu = this_cpu();
  u64 task = current_task();
  u64 cgroup_v2 = current_cgroup_id();
  u64 cgroup_v1 = memory_cgroup_id(task);
  struct record_header header;

  if (!cpu || !is_selected(cgroup_v2, cgroup_v1))
    return;
  fill_header(&header, kind, ktime_ns(), task, cgroup_v2, cgroup_v1);
  if (ring_output(&ring, &header, sizeof(header), RING_NO_WAKEUP))
    cpu->lifecycle_lost++;
  else
    cpu->lifecycle++;
}

SEC("raw_tracepoint/sched_process_exec")
int process_exec(void *context) {
  if (!is_other_process())
    send_event(RECORD_EXEC);
  return 0;
}

/* Called for each thread. The first thread may well end before others, so the process lasts as long as any of them. */
SEC("raw_tracepoint/sched_process_exit")
int process_exit(void *context) {
  u64 signal;

  if (is_other_process())
    return 0;
  signal = read_word(current_task() + config.task_signal);
  if (read_half(signal + config.signal_live) == 0)
    send_event(RECORD_EXIT);
  return 0;
}

/* The task that gets the CPU: if its leaving was recorded, says how long it was away. */
INLINE void back_on_cpu(u64 next, u64 now) {
  u32 tid = read_half(next + config.task_pid);
  struct record_header header = {};
  u64 *left;

  left = map_lookup(&away, &tid);
  if (!left)
    return;
  header.version = RECORD_VERSION;
  header.kind = RECORD_BACK_ON_CPU;
  header.size = sizeof(header);
  header.tid = tid;
  header.time = now;
  header.value = now - *left;
  header.cpu = processor_id();
  map_delete(&away, &tid);
  /* If there is no room, user space counts the stack that waits in vain. */
  ring_output(&ring, &header, sizeof(header), RING_NO_WAKEUP);
}

/* The task that leaves the CPU is still the current one: the last moment in which its stack can be read. */
INLINE void left_cpu(void *context, struct cpu_state *cpu, u64 now) {
  u64 task = current_task();
  u64 cgroup_v2, cgroup_v1, mm;
  struct user_registers user;
  struct scratch *scratch;
  u32 tid = current_pid_tgid();
  u32 zero = 0;
  u32 flags;

  if (tid == 0 || is_other_process() || random_u32() >= control.off_cpu_threshold)
    return;
  flags = read_half(task + config.task_flags);
  if (flags & TASK_EXITING)
    return;
  cgroup_v2 = current_cgroup_id();
  cgroup_v1 = memory_cgroup_id(task);
  if (!is_selected(cgroup_v2, cgroup_v1))
    return;
  scratch = map_lookup(&switch_scratch, &zero);
  if (!scratch)
    return;
  if (ring_query(&ring, RING_WAITING_BYTES) > config.off_cpu_room || map_update(&away, &tid, &now, 0)) {
    cpu->off_cpu_lost++;
    return;
  }
  fill_header(&scratch->header, RECORD_LEFT_CPU, now, task, cgroup_v2, cgroup_v1);
  scratch->header.value = tid;
  scratch->header.flags |= FLAG_KERNEL_MODE;
  take_kernel_stack(context, scratch);
  mm = read_word(task + config.task_mm);
  if (flags & TASK_KERNEL_THREAD) {
    scratch->header.flags |= FLAG_KERNEL_THREAD;
  } else if (mm) {
    struct process *process = process_of(scratch);

    saved_registers(task, &user);
    if (take_user_stack(scratch, task, mm, &user, process))
      take_interpreter_frames(scratch, task, process);
  }
  if (send(scratch, WORDS)) {
    map_delete(&away, &tid);
    cpu->off_cpu_lost++;
    return;
  }
  cpu->left_cpu++;
}

/* Arguments: whether it was preempted, the previous task, the next. */
SEC("raw_tracepoint/sched_switch")
int task_switch(u64 *arguments) {
  struct cpu_state *cpu = this_cpu();
  u64 now = ktime_ns();

  if (!cpu)
    return 0;
  back_on_cpu(arguments[2], now);
  left_cpu(arguments, cpu, now);
  return 0;
}

/* Says which cgroup it is; false for those of hierarchies that tell nothing of containers. */
INLINE int set_cgroup(struct record_header *header, u64 cgroup) {
  u64 root = read_word(cgroup + config.cgroup_root);
  u64 id = read_word(read_word(cgroup + config.cgroup_kn) + config.kn_id);

  if (read_half(root + config.root_hierarchy) == 0)
    header->cgroup_v2 = id;
  else if (read_half(root + config.root_subsystems) & config.memory_subsystem)
    header->cgroup_v1 = id;
  else
    return 0;
  return 1;
}

/*
 * Cgroups stand in the ring before any sample of theirs: one that lives for a moment is gone before user space could
 * look. By its parent and its name, for a path is another one in each cgroup namespace. Arguments: the cgroup, its path.
 */
SEC("raw_tracepoint/cgroup_mkdir")
int cgroup_made(u64 *arguments) {
  struct cpu_state *cpu = this_cpu();
  u64 cgroup = arguments[0];
  struct record_header header = {};
  struct cgroup_record *record;
  u64 parent;

  if (!cpu || !set_cgroup(&header, cgroup))
    return 0;
  record = ring_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    cpu->lifecycle_lost++;
    return 0;
  }
  header.version = RECORD_VERSION;
  header.kind = RECORD_CGROUP_MADE;
  header.size = sizeof(*record);
  header.time = ktime_ns();
  record->header = header;
  parent = read_word(read_word(cgroup + config.cgroup_self + config.css_parent) + config.css_cgroup);
  record->parent = read_word(read_word(parent + config.cgroup_kn) + config.kn_id);
  record->name[0] = 0;
  read_kernel_text(record->name, sizeof(record->name), read_word(read_word(cgroup + config.cgroup_kn) + config.kn_name));
  ring_submit(record, RING_NO_WAKEUP);
  cpu->lifecycle++;
  return 0;
}

SEC("raw_tracepoint/cgroup_rmdir")
int cgroup_removed(u64 *arguments) {
  struct cpu_state *cpu = this_cpu();
  struct record_header header = {};

  if (!cpu || !set_cgroup(&header, arguments[0]))
    return 0;
  header.version = RECORD_VERSION;
  header.kind = RECORD_CGROUP_REMOVED;
  header.size = sizeof(header);
  header.time = ktime_ns();
  if (ring_output(&ring, &header, sizeof(header), RING_NO_WAKEUP))
    cpu->lifecycle_lost++;
  else
    cpu->lifecycle++;
  return 0;
}

/* Helpers that read memory are open to programs under the GPL only. */
const char program_license[] SEC("license") = "Dual MIT/GPL";
