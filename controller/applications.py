"""The instances' applications as processes: which runs where, whether it has ended, and what the kernel tells of it."""

import contextlib
import os
import select
from pathlib import Path
from typing import NamedTuple

from controller.usage import Signs, control_group, memory_file, out_of_memory, signs


class Application(NamedTuple):
    """Its pid, a pidfd, its control group, and the file that tells whether that ran out of memory."""

    pid: int
    pidfd: int
    group: Path
    memory: Path | None


class Applications:
    """By instance. May be used from several threads."""

    def __init__(self) -> None:
        self._known: dict[str, Application] = {}

    def watch(self, name: str, pid: int) -> None:
        """Raises OSError where there is no such process."""
        group, memory = control_group(pid), memory_file(pid)
        self._known[name] = Application(pid, os.pidfd_open(pid), group, memory)

    def forget(self, name: str) -> Application | None:
        """What was known of it; its descriptor is closed."""
        known = self._known.pop(name, None)
        if known is not None:
            os.close(known.pidfd)
        return known

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def pid(self, name: str) -> int:
        """Raises KeyError where the instance is not watched."""
        return self._known[name].pid

    def pids(self) -> dict[str, int]:
        return {name: each.pid for name, each in list(self._known.items())}

    def died(self) -> set[str]:
        """Those that have ended."""
        watched = {each.pidfd: name for name, each in list(self._known.items())}
        ended = select.poll()
        for fd in watched:
            ended.register(fd, select.POLLIN)
        return {watched[fd] for fd, seen in ended.poll(0) if seen & select.POLLIN}

    def deaths(self) -> dict[str, str]:
        """Those that have ended, with the cause as far as it is known."""
        return {name: self._cause(name) for name in self.died()}

    def _cause(self, name: str) -> str:
        known = self._known.get(name)
        if known is not None and known.memory is not None and out_of_memory(known.memory):
            return "its application was killed: it ran out of memory"
        return "its application ended"

    def signs(self, name: str) -> Signs | None:
        """What the kernel tells of an instance; None where it is not known, or gone."""
        with contextlib.suppress(KeyError, OSError, ValueError):
            return signs(self._known[name].pid)
        return None
