/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Copies of user stacks, for code that keeps no frame pointers: the registers, and the stack from the stack pointer up to
 * where it begins, so that user space can follow it by the files' unwind data. What is copied may hold anybody's
 * secrets: it goes to the ring and nowhere else.
 */
#ifndef PODFLAME_COPY_H
#define PODFLAME_COPY_H

#include "walk.h"

#define SECOND 1000000000ULL
/* Each try reads half as much: some of the pages may be swapped out. */
#define COPY_TRIES 3

/* Whether the walk isn't all that can be known of the stack. */
INLINE int needs_copy(const struct record_header *header, const struct process *process, u64 pc) {
  u8 mode = process ? process->copy : COPY_IF_NEEDED;

  if (mode == COPY_NEVER)
    return 0;
  if (mode == COPY_ALWAYS || !process || !(header->flags & FLAG_ROOTED))
    return 1;
#pragma clang loop unroll(full)
  for (u32 i = 0; i < KEPT_RANGES; i++) {
    if (pc - process->kept[i].start < process->kept[i].bytes)
      return 0;
  }
  return 1;
}

/* Whether there may be one more, by this second's budget and the room in the ring. Says and counts why not. */
INLINE int may_copy(struct sample_scratch *sample, struct cpu_state *cpu, u64 now) {
  if (now - sample->second_began >= SECOND) {
    sample->second_began = now;
    sample->copies = 0;
  }
  if (sample->copies >= config.copies) {
    sample->scratch.header.flags |= FLAG_COPY_SPENT;
    cpu->copies_spent++;
    return 0;
  }
  if (ring_query(&ring, RING_WAITING_BYTES) > config.copy_room) {
    sample->scratch.header.flags |= FLAG_COPY_NO_ROOM;
    cpu->copies_no_room++;
    return 0;
  }
  sample->copies++;
  return 1;
}

/*
 * The registers with which the thread left user mode, behind the frames. An interrupt saves them where a system call
 * does, but for one that comes from elsewhere (NMI): then they are another moment's. False if they aren't the sample's.
 */
INLINE int take_registers(struct sample_scratch *sample, u64 saved_at, const struct user_registers *user) {
  struct scratch *scratch = &sample->scratch;
  u64 *saved = sample->saved;
  u32 at = scratch->header.kernel_frames + scratch->header.user_frames * (u32)scratch->header.user_words;
  u64 *to;

  if (read_kernel(saved, REGISTER_WORDS * sizeof(u64), saved_at))
    return 0;
  if (saved[REGISTER_PC] != user->pc || saved[REGISTER_SP] != user->sp)
    return 0;
  FORGET(at);
  /* Half of the words are more than the frames can take; the registers fit behind them. */
  to = &scratch->words[at & (WORDS - 1)];
  DWARF_ORDER(saved, to);
  scratch->header.registers = DWARF_REGISTERS;
  return 1;
}

INLINE long read_stack(struct scratch *scratch, u32 at, u64 bytes, u64 from) {
  FORGET(at);
  FORGET(bytes);
  if (bytes == 0 || bytes > COPY_BYTES)
    return -1;
  return read_user(&scratch->words[at & (WORDS - 1)], bytes, from);
}

/* The stack from `sp` on, behind all else; interpreter frames must be there already. */
INLINE void take_stack(struct sample_scratch *sample, struct cpu_state *cpu, const struct process *process, u64 sp) {
  struct scratch *scratch = &sample->scratch;
  struct record_header *header = &scratch->header;
  u64 limit = process && process->copy_bytes ? process->copy_bytes : config.copy_bytes;
  u64 bytes = header->stack_top ? header->stack_top - sp : limit;
  u32 at = header->kernel_frames + header->user_frames * (u32)header->user_words + header->registers +
           header->interpreter_frames * INTERPRETER_FRAME_WORDS;

  if (bytes > limit) {
    bytes = limit;
    header->flags |= FLAG_COPY_CUT;
  }
  bytes &= ~7ULL;
#pragma clang loop unroll(full)
  for (u32 i = 0; i < COPY_TRIES; i++) {
    if (read_stack(scratch, at, bytes, sp) == 0) {
      header->stack_words = bytes / 8;
      cpu->copies++;
      cpu->copied_bytes += bytes;
      return;
    }
    header->flags |= FLAG_COPY_FAILED | FLAG_COPY_CUT;
    bytes = (bytes / 2) & ~7ULL;
  }
  cpu->copies_failed++;
}

#endif
