"""
Calls Python from C from Python, in two threads, for a time or until its input ends: interlocked.py [SECONDS]. Prints the
stacks in which it ran, as Python itself tells them, and what each function had of the CPU time by its threads' clocks.
"""

import json
import random
import sys
import threading
import time

SPENT = {"turn": 0, "Sorted.key": 0, "hook": 0, "generator": 0}
STACKS = set()
LOCK = threading.Lock()
ENDED = threading.Event()


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
    async def awaited():
        return spin(until_ns)

    async def awaiting():
        return await awaited()

    def values():
        try:
            awaiting().send(None)
        except StopIteration as ended:
            yield ended.value

    def delegating():
        yield from values()

    return sum(delegating())


def work():
    own = Sorted()
    while not ENDED.is_set():
        turn("turn", spin)
        turn("Sorted.key", own.key)
        turn("Sorted.key", own.key)
        turn("hook", hook)
        turn("generator", generator)


def wait_for_end():
    if len(sys.argv) > 1:
        time.sleep(float(sys.argv[1]))
    else:
        sys.stdin.read()
    ENDED.set()


threading.Thread(target=wait_for_end, daemon=True).start()
other = threading.Thread(target=work)
other.start()
work()
other.join()
print(json.dumps({"spent": SPENT, "stacks": sorted(STACKS)}), flush=True)
