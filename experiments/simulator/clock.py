"""Virtual time: jobs at moments, and pools of workers that are busy for a while."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]
Begin = Callable[[Job], None]


class Clock:
    """Jobs run in the order of their times, those of one time in the order in which they were given."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._jobs: list[tuple[float, int, Job]] = []
        self._number = itertools.count()

    def now(self) -> float:
        return self.now_s

    def at(self, t_s: float, job: Job) -> None:
        heapq.heappush(self._jobs, (max(t_s, self.now_s), next(self._number), job))

    def after(self, pause_s: float, job: Job) -> None:
        self.at(self.now_s + pause_s, job)

    def run_while(self, goes_on: Callable[[], bool]) -> None:
        """Run jobs until it does not go on, or none is left."""
        while self._jobs and goes_on():
            self.now_s, _, job = heapq.heappop(self._jobs)
            job()


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
