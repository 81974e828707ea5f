"""
Calls Python from C from Python, in two threads: interlocked.py SECONDS. Prints the stacks in which it ran, as Python itself
tells them, and what each function had of the CPU time by the clocks of its threads.
"""

import json
import random
import sys
import threading
import time

SPENT = {"turn": 0, "Sorted.key": 0, "hook": 0, "generator": 0}
STACKS = set()
LOCK = threading.Lock()


def spin(until_ns):
    stack = []
    frame = sys._getframe(1)
    while frame:
        stack.append((frame.f_code.co_qualname, frame.f_lineno))
        frame = frame.f_back
    STACKS.add(tuple(stack))
    total = 0
    while time.thread_time_ns() < until_ns:
        for i in range(200):
            total += i * i
    return total


def turn(name, run):
    begun = time.thread_time_ns()
    # Of random length, lest the turns keep step with the sampling.
    run(begun + random.randint(500_000, 4_000_000))
    spent = time.thread_time_ns() - begun
    with LOCK:
        SPENT[name] += spent


class Sorted:
    def key(self, until_ns):
        return max([0], key=lambda _: spin(until_ns))


def hook(until_ns):
    return json.loads('{"ä": [1]}', object_hook=lambda found: spin(until_ns))


def generator(until_ns):
    def values():
        yield spin(until_ns)

    return sum(values())


def work(until):
    own = Sorted()
    while time.time() < until:
        turn("turn", spin)
        turn("Sorted.key", own.key)
        turn("Sorted.key", own.key)
        turn("hook", hook)
        turn("generator", generator)


until = time.time() + float(sys.argv[1])
other = threading.Thread(target=work, args=(until,))
other.start()
work(until)
other.join()
print(json.dumps({"spent": SPENT, "stacks": sorted(STACKS)}), flush=True)
