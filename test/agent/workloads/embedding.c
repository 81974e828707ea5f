/* A program that loads CPython after it has been at work for a second, and runs Python for good: embedding LIBRARY */
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

int main(int count, char **arguments) {
  time_t until = time(NULL) + 2;
  void *library;

  while (time(NULL) < until)
    continue;
  library = dlopen(arguments[count - 1], RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  ((void (*)(void))dlsym(library, "Py_Initialize"))();
  return ((int (*)(const char *))dlsym(library, "PyRun_SimpleString"))("def embedded():\n"
                                                                      "  while True: sum(range(100))\n"
                                                                      "embedded()");
}
