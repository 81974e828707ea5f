/*
 * Looks like CPython 3.11 from outside, with one function that calls itself, and has a thread that points everything
 * anywhere. Compiled as a program called python3.11: hostile_python SECONDS.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const unsigned long Py_Version = 0x030b07f0;
char PyCode_Type[416], PyUnicode_Type[416], PyBytes_Type[416];
uint64_t _PyRuntime[512];

static uint64_t interpreter[64], thread_state[64], cframe[8], frame[16];
static uint64_t code[32], name[16], file[16], table[8];
static volatile int running = 1;
static volatile uint64_t sink;

static uint64_t *const objects[] = {_PyRuntime, interpreter, thread_state, cframe, frame, code, name, file, table};
/* Words of each that hold a pointer, a length or a type; the text itself, and how it is read, stay as they are. */
static const int fields[][4] = {{5, 5, 5, 5}, {0, 2, 2, 2}, {1, 7, 19, 7}, {1, 2, 1, 1},   {4, 6, 7, 8},
                                {1, 15, 16, 17}, {1, 2, 3, 2}, {1, 2, 3, 2}, {1, 2, 2, 2}};

static void text(uint64_t *string, const char *content) {
  string[1] = (uint64_t)PyUnicode_Type;
  string[2] = strlen(content);
  string[3] = 0x1234567;
  string[4] = 0x64; /* compact, ASCII, one byte a character */
  strcpy((char *)&string[6], content);
}

static void build(uint64_t self) {
  _PyRuntime[5] = (uint64_t)interpreter;
  interpreter[0] = 0;
  interpreter[2] = (uint64_t)thread_state;
  thread_state[1] = 0;
  thread_state[7] = (uint64_t)cframe;
  thread_state[19] = self;
  cframe[1] = (uint64_t)frame;
  cframe[2] = (uint64_t)cframe;
  frame[4] = (uint64_t)code;
  frame[6] = 0;
  frame[7] = (uint64_t)code + 184;
  frame[8] = 1ULL << 32; /* is_entry */
  code[1] = (uint64_t)PyCode_Type;
  code[9] = 7;
  code[14] = (uint64_t)file;
  code[15] = code[16] = (uint64_t)name;
  code[17] = (uint64_t)table;
  text(name, "honest");
  text(file, "honest.py");
  table[1] = (uint64_t)PyBytes_Type;
  table[2] = 2;
  memset(&table[4], 0x80, 8);
}

__attribute__((noinline)) uint64_t _PyEval_EvalFrameDefault(void) {
  uint64_t sum = 0;
  while (running)
    for (int i = 0; i < 1000; i++)
      sum += sink * i;
  return sum;
}

static void *evaluate(void *unused) {
  sink = _PyEval_EvalFrameDefault();
  return unused;
}

static uint64_t anywhere(uint64_t old) {
  switch (rand() % 8) {
  case 0: return 0;
  case 1: return (uint64_t)objects[rand() % 9];
  case 2: return (uint64_t)rand() << 32 | rand();
  case 3: return old + rand() % 64;
  case 4: return ~0ULL;
  case 5: return 0x7fffffffffffULL;
  case 6: return 1ULL << (rand() % 64);
  default: return (uint64_t)rand() % 4096;
  }
}

int main(int count, char **arguments) {
  struct timespec moment = {0, 200000};
  time_t until = time(NULL) + atoi(arguments[count - 1]);
  pthread_t evaluator;

  pthread_create(&evaluator, NULL, evaluate, NULL);
  srand(1);
  while (time(NULL) < until) {
    build((uint64_t)evaluator);
    nanosleep(&moment, NULL);
    for (int changes = rand() % 3; changes >= 0; changes--) {
      int object = rand() % 9;
      int field = fields[object][rand() % 4];
      objects[object][field] = anywhere(objects[object][field]);
    }
    nanosleep(&moment, NULL);
  }
  running = 0;
  return 0;
}
