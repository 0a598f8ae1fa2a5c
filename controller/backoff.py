"""Boots that fail in a row: pauses between them, and one trial at a time."""

import math

BACKOFF_S = (0.5, 1, 2, 4, 8, 16, 30)  # pause after the 1st, 2nd, ... boot in a row that failed
TRIAL_FROM = 2  # failures in a row, from which on boots are tried one at a time


class Backoff:
    """`newest_s` is always when the newest healthy instance was ordered: one that was ordered after the last failure
    ends the row."""

    def __init__(self) -> None:
        self.failures = 0
        self._failed_s = -math.inf
        self._retry_s = 0.0

    def failed(self, now_s: float, newest_s: float, spared: int) -> None:
        """Pause, longer with each failure in a row; after the first `spared` ones not at all. Failures side by side are
        one."""
        if self.pause_s(now_s):
            return
        if newest_s >= self._failed_s:
            self.failures = 0
        pauses_s = (0.0,) * spared + BACKOFF_S
        self._failed_s, self._retry_s = now_s, now_s + pauses_s[min(self.failures, len(pauses_s) - 1)]
        self.failures += 1

    def pause_s(self, now_s: float) -> float:
        """How long no boot may begin."""
        return max(0.0, self._retry_s - now_s)

    def allowed(self, lacking: int, booting: int, newest_s: float) -> int:
        """How many of those that are lacking may boot: while boots fail, one shows whether they still do."""
        if self.failures < TRIAL_FROM or newest_s >= self._failed_s:
            return lacking
        return 0 if booting else 1
