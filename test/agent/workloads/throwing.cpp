/*
 * Burns CPU time in exceptions, where the C++ runtime itself unwinds stacks, and in the standard library, in two threads.
 *
 *   throwing SECONDS
 */
#include <chrono>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

using Clock = std::chrono::steady_clock;

static volatile long sink;

__attribute__((noinline)) static int thrower(int number) {
  if (number % 3 == 0)
    throw std::runtime_error("number " + std::to_string(number));
  return number;
}

__attribute__((noinline)) static int catcher(int number) {
  std::string kept(number % 40, 'a');
  try {
    return thrower(number) + static_cast<int>(kept.size());
  } catch (const std::exception &error) {
    return error.what()[0];
  }
}

__attribute__((noinline)) static int mapping(int number) {
  std::map<std::string, int> map;
  for (int i = 0; i < 60; i++)
    map[std::to_string(i * number)] = i;
  return static_cast<int>(map.size());
}

int main(int, char **arguments) {
  auto until = Clock::now() + std::chrono::milliseconds(static_cast<int>(1000 * std::atof(arguments[1])));
  auto work = [until] {
    for (int i = 0; Clock::now() < until; i++)
      sink = sink + catcher(i) + mapping(i);
  };
  std::thread thread(work);
  work();
  thread.join();
}
