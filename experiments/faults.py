"""Faults on purpose while a run is on: each at its time, and told with what it hit."""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import lxc

from controller.site import Site
from experiments.scenario import Fault
from experiments.summary import read_journal

log = logging.getLogger("experiments")


class Faults:
    """Makes the faults of a run, in a thread of its own, from `start` until `stop`.

    What was done is in `done`: time on the journal's axis in seconds, kind, and target, None where there was none.
    """

    def __init__(self, faults: Sequence[Fault], journal: Path, seed: int) -> None:
        self.done: list[dict[str, Any]] = []
        self._faults = sorted(faults, key=lambda fault: fault.at_s)
        self._journal = journal
        self._random = Random(f"faults {seed}")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="faults")
        self._began_s = 0.0

    def start(self) -> None:
        """The load generator has been started."""
        self._began_s = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        for fault in self._faults:
            if self._stopping.wait(max(0.0, self._began_s + fault.at_s - time.monotonic())):
                return
            at_s = time.monotonic() - origin_s(self._journal)
            try:
                target = KINDS[fault.kind](self._journal, self._random)
            except (OSError, ValueError) as error:
                target = None
                log.warning("%s at %g s: %s", fault.kind, fault.at_s, error)
            self.done.append({"t_s": round(at_s, 3), "kind": fault.kind, "target": target})


def kill_instance(journal: Path, random: Random) -> str | None:
    """SIGKILL for the first process, and with it all, of one of the instances in service."""
    present = in_service(journal)
    if not present:
        return None
    name = random.choice(present)
    pid: int = lxc.Container(f"{Site().prefix}-{name}").init_pid
    if pid <= 0:
        return None
    os.kill(pid, signal.SIGKILL)
    return name


KINDS: dict[str, Callable[[Path, Random], str | None]] = {"kill-instance": kill_instance}


def origin_s(journal: Path) -> float:
    """When the journal's time began, in seconds of CLOCK_MONOTONIC."""
    with journal.open() as file:
        return float(json.loads(file.readline())["monotonic_s"])


def in_service(journal: Path) -> list[str]:
    """The instances in service, as the journal tells them; a line that is just being written is left out."""
    phases: dict[str, str] = {}
    for event in read_journal(journal):
        if event["event"] == "instance":
            phases[str(event.get("instance"))] = event.get("phase", "")
    return sorted(name for name, phase in phases.items() if phase == "IN_SERVICE")
