"""Pacing: requests beyond the rate limit wait for their turn instead of being refused."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 1.0


class Pacer:
    """Admits at most `requests_per_second` in any second, each in the order of its coming.

    The same limit as the one that rejects: whoever comes into an idle second does not wait.
    """

    def __init__(self, requests_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._admitted_s: deque[float] = deque(maxlen=requests_per_second)
        self._clock = clock
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Take the next turn; the seconds until it comes."""
        with self._lock:
            now_s = turn_s = self._clock()
            if len(self._admitted_s) == self._admitted_s.maxlen:
                turn_s = max(now_s, self._admitted_s[0] + WINDOW_S)
            self._admitted_s.append(turn_s)
            return turn_s - now_s

    def wait(self) -> None:
        """Wait for the next turn."""
        if (wait_s := self.reserve()) > 0:
            time.sleep(wait_s)
