"""The controller, killed at a point: `python -m tests.host.killed_at ARMED POINT OPTIONS...`.

A point is `MOMENT N WHERE [WORD]`: `before` or `after` the N-th call, or `during` it (N milliseconds after its begin).
WHERE is a function of the controller, as in `haproxy.HAProxy.drain`, or `journal`; WORD narrows it to calls with that
word among the arguments, as in `after 1 journal STANDBY`. Calls count from when the file ARMED is there. A point that
begins with `zygote` is where not the controller dies, but its zygote.
"""

import functools
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller import cli
from controller.processes import processes

JOURNAL = "journal.FileJournal.write"


@dataclass(frozen=True)
class Point:
    """Where who dies."""

    die: Callable[[], None]
    moment: str
    number: int
    where: str
    word: str = ""

    @classmethod
    def parse(cls, text: str) -> "Point":
        die = kill_zygote if text.startswith("zygote ") else kill_controller
        moment, number, where, *word = text.removeprefix("zygote ").split()
        assert moment in ("before", "after", "during"), text
        return cls(die, moment, int(number), JOURNAL if where == "journal" else where, *word)


class Killer:
    """Stands before a function and behind it."""

    def __init__(self, point: Point, armed: Path, function: Callable[..., Any]) -> None:
        self._point = point
        self._armed = armed
        self._function = function
        self._lock = threading.Lock()
        self._calls = 0

    def call(self, *arguments: Any, **named: Any) -> Any:
        """The function's own result, unless this is the call."""
        is_it = self._is_it([*arguments, *named.values()])
        if is_it and self._point.moment == "before":
            self._point.die()
        if is_it and self._point.moment == "during":
            threading.Timer(self._point.number / 1000, self._point.die).start()
        try:
            return self._function(*arguments, **named)
        finally:
            if is_it and self._point.moment == "after":
                self._point.die()

    def _is_it(self, arguments: list[Any]) -> bool:
        if self._point.word not in ("", *words(arguments)) or not self._armed.exists():
            return False
        with self._lock:
            self._calls += 1
            return self._calls == (1 if self._point.moment == "during" else self._point.number)


def words(values: list[Any]) -> Iterator[str]:
    """What can be named of arguments: themselves, and what is in those that are lists."""
    for value in values:
        if isinstance(value, list):
            yield from words(value)
        elif isinstance(value, str | int):
            yield from (str(value), Path(str(value)).name)


def kill_controller() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_zygote() -> None:
    """Our child that is one, or is about to be."""
    for each in processes(lambda words: any(b"webapp.zygote" in word for word in words)):
        if each.parent == os.getpid():
            os.kill(each.pid, signal.SIGKILL)
            Path(sys.argv[1]).with_name("killed").touch()


def set_trap(point: Point, armed: Path) -> None:
    """Put a killer in the function's place, wherever the controller has its name."""
    module_name, *path = point.where.split(".")
    owner: Any = importlib.import_module(f"controller.{module_name}")
    for name in path[:-1]:
        owner = getattr(owner, name)
    function = getattr(owner, path[-1])
    killer = Killer(point, armed, function)

    @functools.wraps(function)
    def trap(*arguments: Any, **named: Any) -> Any:
        return killer.call(*arguments, **named)

    setattr(owner, path[-1], trap)


if __name__ == "__main__":
    set_trap(Point.parse(sys.argv[2]), Path(sys.argv[1]))
    sys.exit(cli.main(sys.argv[3:]))
