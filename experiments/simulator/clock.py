"""Virtual time: jobs at moments, and pools of workers that are busy for a while."""

import gc
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Job = Callable[[], None]
Begin = Callable[[Job], None]


class Clock:
    """Jobs run in the order of their times, those of one time in the order in which they were given."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._jobs: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = itertools.count()
        self._running = False

    def now(self) -> float:
        return self.now_s

    def at(self, t_s: float, job: Callable[..., None], *arguments: Any) -> None:
        """Call `job` with these arguments at `t_s`, at once where that is past."""
        now_s = self.now_s
        heapq.heappush(self._jobs, (t_s if t_s > now_s else now_s, next(self._number), job, arguments))

    def after(self, pause_s: float, job: Callable[..., None], *arguments: Any) -> None:
        self.at(self.now_s + pause_s, job, *arguments)

    def run(self) -> None:
        """Run jobs until one of them calls `stop`, or none is left."""
        jobs, take = self._jobs, heapq.heappop
        self._running = True
        with _uncollected():
            while self._running and jobs:
                self.now_s, _, job, arguments = take(jobs)
                job(*arguments)

    def stop(self) -> None:
        """Let `run` end after the job that calls this; what has not begun stays."""
        self._running = False


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for circles of garbage: a run makes none, and keeps so much that it takes a third of a run."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Pool:
    """So many workers, which take jobs in the order in which they were given, as a thread pool does. A job is told
    what to call when it has ended."""

    def __init__(self, clock: Clock, workers: int) -> None:
        self._clock = clock
        self._free = workers
        self._waiting: deque[Begin] = deque()

    def submit(self, begin: Begin) -> None:
        self._waiting.append(begin)
        self._clock.after(0.0, self._next)

    def _next(self) -> None:
        if self._free and self._waiting:
            self._free -= 1
            self._waiting.popleft()(self._release)

    def _release(self) -> None:
        self._free += 1
        self._next()
