/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * CPython's frames of the current thread, as its own structures have them. The thread can't change its frames while it is
 * looked at; all else can change, so every pointer may lead anywhere, and every list may have no end.
 */
#ifndef PODFLAME_PYTHON_H
#define PODFLAME_PYTHON_H

#include "walk.h"

/* Thread states that are looked at for the one of the current thread. */
#define MAX_THREADS 128
/* As much of each object as holds what is looked at, in all versions. */
#define THREAD_BYTES 168
#define FRAME_BYTES 72
#define CODE_BYTES 136

#define ADDRESS_BITS 48
#define ADDRESS(word) ((word) & ((1ULL << ADDRESS_BITS) - 1))
#define PRINT_FACTOR 0x9e3779b97f4a7c15ULL
#define PRINT_SHIFT 40

INLINE u64 user_word(u64 address) {
  u64 word = 0;
  read_user(&word, sizeof(word), address);
  return word;
}

INLINE u64 object_word(const struct scratch *scratch, u8 word) {
  return scratch->object[word & (OBJECT_WORDS - 1)];
}

/* Begins with the frames of the thread state in `scratch->object`; 0 if another one has frames as well. */
INLINE u32 take_python_thread(struct scratch *scratch, const struct python *python) {
  u64 frame = object_word(scratch, python->thread_frame);
  u64 outer = 0;

  if (python->cframe_frame != NO_CFRAME) {
    outer = user_word(user_word(frame + python->cframe_frame + sizeof(u64)) + python->cframe_frame);
    frame = user_word(frame + python->cframe_frame);
  }
  if (!frame)
    return 1;
  if (scratch->walk_next)
    return 0;
  /*
   * Before 3.13 the evaluator links a structure of its own before it says in it which frame it runs. Until then there stands
   * whatever its memory held, even frames of yore. What is behind it is right.
   */
  scratch->is_doubtful = python->cframe_frame != NO_CFRAME;
  scratch->outer_frame = outer;
  scratch->walk_next = frame;
  return 1;
}

/*
 * Finds the innermost frame of the thread that `thread_pointer` belongs to; leaves 0 if it runs no Python. The C library
 * calls a thread by its thread pointer, and CPython keeps what the C library calls it, in each pid namespace the same.
 * A thread may have a state in each of several interpreters. Where more than one has frames, one runs on top of the other,
 * and which isn't told.
 */
INLINE void find_python_frame(struct scratch *scratch, const struct python *python, u64 thread_pointer) {
  u64 interpreter = user_word(python->runtime + python->interpreters_head);
  u64 thread = interpreter ? user_word(interpreter + python->threads_head) : 0;

  scratch->walk_next = 0;
  scratch->is_doubtful = 0;
  for (u32 i = 0; i < MAX_THREADS; i++) {
    if (!thread) {
      interpreter = interpreter ? user_word(interpreter + python->interpreter_next) : 0;
      if (!interpreter)
        return;
      thread = user_word(interpreter + python->threads_head);
      continue;
    }
    if (read_user(scratch->object, THREAD_BYTES, thread))
      break;
    thread = object_word(scratch, python->thread_next);
    if (object_word(scratch, python->thread_id) != thread_pointer)
      continue;
    if (!take_python_thread(scratch, python)) {
      scratch->walk_next = 0;
      scratch->header.flags |= FLAG_INTERPRETERS;
      return;
    }
    /* No other one in this interpreter is the thread's. */
    thread = 0;
  }
  scratch->walk_next = 0;
  scratch->header.flags |= FLAG_INTERPRETER_LOST;
}

/*
 * 24 bits that tell a code object from another that is put in its place: of its first line, its number (since 3.12) and
 * the hash of its name, with whatever lies in the same words.
 */
INLINE u64 print_of_code(struct scratch *scratch, const struct python *python, u64 code) {
  u64 print;

  if (read_user(scratch->object, CODE_BYTES, code))
    return 0;
  print = object_word(scratch, python->code_line) * PRINT_FACTOR + object_word(scratch, python->code_version);
  print = print * PRINT_FACTOR + user_word(object_word(scratch, python->code_name) + python->string_hash);
  return print * PRINT_FACTOR >> PRINT_SHIFT;
}

/* The frames so far weren't those of the innermost run: begins with the run outside of it, which has linked its own. */
INLINE void begin_outside(struct scratch *scratch) {
  scratch->header.interpreter_frames = 0;
  scratch->walk_next = scratch->outer_frame;
  scratch->is_doubtful = 0;
}

/* Leaves the frames behind the registers, and their number in the header. */
INLINE void walk_python(struct scratch *scratch, const struct python *python, u64 thread_pointer) {
  struct record_header *header = &scratch->header;
  u32 first = header->kernel_frames + header->user_frames * (u32)header->user_words + header->registers;

  header->interpreter = INTERPRETER_CPYTHON;
  find_python_frame(scratch, python, thread_pointer);
  for (u32 i = 0; i < MAX_FRAMES; i++) {
    u32 at = first + header->interpreter_frames * (u32)INTERPRETER_FRAME_WORDS;
    u64 code, instruction, entry, print;

    if (!scratch->walk_next)
      return;
    if (read_user(scratch->object, FRAME_BYTES, scratch->walk_next)) {
      if (!scratch->is_doubtful) {
        header->flags |= FLAG_INTERPRETER_LOST;
        return;
      }
      begin_outside(scratch);
      continue;
    }
    code = object_word(scratch, python->frame_code);
    instruction = object_word(scratch, python->frame_instruction);
    entry = object_word(scratch, python->frame_entry) >> (python->frame_entry_shift & 63) & 0xff;
    scratch->walk_next = object_word(scratch, python->frame_previous);
    print = print_of_code(scratch, python, code);
    FORGET(at);
    scratch->words[at & (WORDS - 1)] = ADDRESS(instruction) | (print >> 16) << ADDRESS_BITS | entry << 56;
    scratch->words[(at + 1) & (WORDS - 1)] = ADDRESS(code) | print << ADDRESS_BITS;
    header->interpreter_frames++;
    if (entry == python->entry && scratch->is_doubtful) {
      if (scratch->walk_next != scratch->outer_frame)
        begin_outside(scratch);
      scratch->is_doubtful = 0;
    }
  }
  if (scratch->walk_next)
    header->flags |= FLAG_INTERPRETER_LIMIT;
}

#endif
