/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Walks of user stacks along saved frame pointers. A frame is taken only if it lies above the one before, is aligned and
 * can be read, and its return address could be one; what is plausible beyond that is for user space to judge.
 */
#ifndef PODFLAME_WALK_H
#define PODFLAME_WALK_H

#include "state.h"

/* The first page is never mapped, and user addresses end at 2^56 even with 5-level page tables. */
#define LOWEST_CODE 4096
#define HIGHEST_CODE (1ULL << 56)

/*
 * How far below the top of its stack the outermost frame of a complete walk ends. In a main thread the frames of the
 * program loader's start code lie between, which rarely keep frame pointers, and main's own; in another thread the
 * C library's descriptor and the thread-local variables as well, a constant of each program.
 */
#define MAIN_ROOT_DISTANCE 512
#define THREAD_ROOT_DISTANCE 4096

/* A stack further below what should be its top is another one: of a goroutine, a fibre, a signal. */
#define LARGEST_STACK (256ULL << 20)

struct user_registers {
  u64 pc;
  u64 fp;
  u64 sp;
  u64 mode;
};

/* What every frame that keeps a frame pointer begins with, on both machines. */
struct frame {
  u64 fp;
  u64 pc;
};

INLINE int valid_frame(u64 fp, u64 floor) {
  return fp >= floor && (fp & 7) == 0;
}

INLINE int valid_code(u64 pc) {
  return pc >= LOWEST_CODE && pc < HIGHEST_CODE;
}

/*
 * One word a frame, from `words[first]` on. Leaves the number of frames in the header, the end of the last frame in
 * `walk_end` (0 if there was none), and what its frame pointer pointed to in `walk_next`.
 */
INLINE void walk_frame_pointers(struct scratch *scratch, const struct user_registers *user, u32 first) {
  struct frame frame = {user->fp, user->pc};
  u64 floor = user->sp;

  scratch->header.user_words = 1;
  for (u32 i = 0; i < MAX_FRAMES; i++) {
    u32 at = first + i;
    FORGET(at);
    scratch->words[at & (WORDS - 1)] = frame.pc;
    scratch->header.user_frames = i + 1;
    scratch->walk_next = frame.fp;
    if (!valid_frame(frame.fp, floor))
      return;
    floor = frame.fp + sizeof(frame);
    if (read_user(&frame, sizeof(frame), frame.fp))
      return;
    frame.pc = CODE_ADDRESS(frame.pc);
    scratch->walk_end = floor;
    scratch->walk_next = frame.fp;
    if (!valid_code(frame.pc))
      return;
  }
  scratch->header.flags |= FLAG_FRAME_LIMIT;
}

/*
 * As above, with V8's slots: the context (or marker), the function's SharedFunctionInfo, the bytecode array and the
 * bytecode offset of the frame in which the address executes. All of them lie within five words below the frame pointer,
 * so one read takes them together with the frame: reads are what a walk costs.
 */
INLINE void walk_v8(struct scratch *scratch, const struct user_registers *user, const struct process *process,
                    u32 first) {
  u64 pc = user->pc;
  u64 fp = user->fp;
  u64 floor = user->sp;

  scratch->header.user_words = V8_FRAME_WORDS;
  for (u32 i = 0; i < MAX_FRAMES; i++) {
    u32 at = first + i * V8_FRAME_WORDS;
    u64 *slots = scratch->slots;
    u64 function;
    u64 *words;

    FORGET(at);
    words = &scratch->words[at & (WORDS - 1)];
    words[0] = pc;
    words[1] = 0;
    words[2] = 0;
    words[3] = 0;
    words[4] = 0;
    scratch->header.user_frames = i + 1;
    scratch->walk_next = fp;
    if (!valid_frame(fp, floor))
      return;
    floor = fp + sizeof(struct frame);
    if (read_user(slots, (SLOT_WORDS + 2) * sizeof(u64), fp - SLOT_WORDS * sizeof(u64))) {
      /* The page below the innermost frame may not have been touched yet: then there are no slots in it either. */
      slots[process->slot_context & 7] = 0;
      if (read_user(&slots[SLOT_WORDS], sizeof(struct frame), fp))
        return;
    }
    words[1] = slots[process->slot_context & 7];
    /* Tagged pointers end in 01; a stub's frame has a small integer, which ends in 0, in the place of the context. */
    if ((words[1] & 3) == 1) {
      words[3] = slots[process->slot_bytecode_array & 7];
      words[4] = slots[process->slot_bytecode_offset & 7];
      function = slots[process->slot_function & 7];
      if ((function & 3) == 1)
        read_user(&words[2], sizeof(u64), function - 1 + process->function_shared);
    }
    fp = slots[SLOT_WORDS];
    pc = CODE_ADDRESS(slots[SLOT_WORDS + 1]);
    scratch->walk_end = floor;
    scratch->walk_next = fp;
    if (!valid_code(pc))
      return;
  }
  scratch->header.flags |= FLAG_FRAME_LIMIT;
}

/*
 * What the end of a walk says. On the thread's own stack a complete walk ends near the top. Goroutines and most fibres,
 * which have stacks of their own, begin with a frame pointer of zero; so this is a root where no top is known. Where one
 * seems to be known it is only told: code without frame pointers may have had zero in that register, but what Go's
 * threads point to may also happen to lie above the goroutine's stack. User space knows which program is Go's.
 */
INLINE u16 end_of_walk(const struct scratch *scratch, u64 top, int main_thread) {
  u64 end = scratch->walk_end;
  u16 zero = end && scratch->walk_next == 0 ? FLAG_ZERO_END : 0;

  if (!end)
    return FLAG_BAD_FRAME;
  if (top && end <= top && top - end <= (main_thread ? MAIN_ROOT_DISTANCE : THREAD_ROOT_DISTANCE))
    return FLAG_ROOTED | zero;
  if (zero)
    return top ? FLAG_ZERO_END : FLAG_ROOTED | FLAG_ZERO_END;
  return FLAG_BAD_FRAME;
}

#endif
