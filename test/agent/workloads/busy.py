"""Burns CPU time in C code that calls back, in the interpreter, and in recursion: busy.py SECONDS"""

import json
import re
import sys
import time

until = time.time() + float(sys.argv[1])


def sorting(count):
    return sorted(((i * 7919) % 1009 for i in range(count)), key=lambda number: -number)


def coding(count):
    return json.loads(json.dumps([{"a": i, "b": [1, 2, {"c": str(i)}]} for i in range(count)]))


def descending(depth):
    if depth == 0:
        return re.sub("a+b", lambda found: found.group(0)[:1], "aaab" * 50)
    return descending(depth - 1)


while time.time() < until:
    sorting(500)
    coding(50)
    descending(25)
