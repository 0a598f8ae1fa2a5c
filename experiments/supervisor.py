"""A controller, and who starts it again when it has ended, as a service manager would."""

import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

from experiments.machine import ROOT
from experiments.processes import end

SOON_S = 5.0  # one that ends so soon after its start was not worth starting
MOST_IN_A_ROW = 3


class Supervised:
    """A command in a session of its own, so that Ctrl-C reaches only us; what it says goes into the log. With
    `restarted` it is started again as soon as it ends, unless it ends by itself soon after its start, again and again.
    """

    def __init__(self, command: list[str], log: Path, restarted: bool = False) -> None:
        self._command = command
        self._log = log
        self._restarted = restarted
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self.ends: list[int] = []  # the exit status of each that was started again
        self.process = self._start()
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """Of the last one, None while there is one or will be one."""
        return None if self._thread.is_alive() else self.process.returncode

    def stop(self) -> None:
        """SIGTERM, then patience: the controller removes all that it made."""
        self._stopping.set()
        end(self.process)
        self._thread.join()
        end(self.process)  # one that was just being started

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                self._command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def _watch(self) -> None:
        failures = 0
        while True:
            started = time.monotonic()
            status = self.process.wait()
            own_fault = status != -signal.SIGKILL and time.monotonic() - started < SOON_S
            failures = failures + 1 if own_fault else 0
            if self._stopping.is_set() or not self._restarted or failures >= MOST_IN_A_ROW:
                return
            self.ends.append(status)
            self.process = self._start()
