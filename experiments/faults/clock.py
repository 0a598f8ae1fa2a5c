"""A jump of the machine's wall clock that is undone in any case: by a process that outlives whoever asked for it.

`python -m experiments.faults.clock SECONDS` sets the clock that much forward, and right again when its input ends, at
the latest after LONGEST_S. How much time passed meanwhile is told by the monotonic clock, which does not jump.
"""

import contextlib
import ctypes
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from experiments.machine import ROOT
from experiments.processes import PYTHON

LONGEST_S = 10.0
UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
TIMEX_BYTES = 256  # more than struct timex has


def is_kept() -> bool:
    """Does somebody, such as an NTP daemon, keep this machine's clock right? Then it should be left alone."""
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    return state != UNSYNCHRONISED


@contextlib.contextmanager
def jumped(seconds: float) -> Iterator[None]:
    """The clock is so many seconds off meanwhile. Raises OSError where it cannot be set."""
    command = [PYTHON, "-m", "experiments.faults.clock", repr(seconds)]
    jumper = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert jumper.stdin is not None and jumper.stdout is not None
    try:
        if jumper.stdout.readline().strip() != "jumped":
            raise OSError("the clock could not be set")
        yield
    finally:
        jumper.stdin.close()
        jumper.wait()
        jumper.stdout.close()


def jump(seconds: float) -> None:
    """Set the clock off, and right again when the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    offset_ns = time.time_ns() - time.monotonic_ns()
    time.clock_settime_ns(time.CLOCK_REALTIME, offset_ns + time.monotonic_ns() + round(seconds * 1e9))
    try:
        print("jumped", flush=True)
        select.select([sys.stdin], [], [], LONGEST_S)
    finally:
        time.clock_settime_ns(time.CLOCK_REALTIME, offset_ns + time.monotonic_ns())


if __name__ == "__main__":
    jump(float(sys.argv[1]))
