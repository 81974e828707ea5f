"""Burns CPU time beside a second interpreter of the same process, on 3.11 to 3.13: interpreters.py SECONDS"""

import sys
import time

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

other = interpreters.create()
until = time.time() + float(sys.argv[1])
while time.time() < until:
    sum(i * i for i in range(1000))
