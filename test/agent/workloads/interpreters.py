"""
Burns CPU time in a process with a second interpreter, on 3.11 to 3.13: interpreters.py SECONDS [nested]. The second one has
nothing to do, or is called by the first one and does the burning.
"""

import sys
import time

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters


def burn(until):
    while time.time() < until:
        sum(i * i for i in range(1000))


other = interpreters.create()
until = time.time() + float(sys.argv[1])
if sys.argv[2:] == ["nested"]:
    script = f"import time\nwhile time.time() < {until}:\n  sum(i * i for i in range(1000))"
    interpreters.run_string(other, script)
else:
    burn(until)
