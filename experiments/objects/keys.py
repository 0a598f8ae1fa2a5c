"""Which objects are in use: a few at a time, so that clients meet at them, and new ones after a while."""

from __future__ import annotations

import threading
from random import Random

from experiments.objects.history import UNKNOWN, Operation

IN_USE = 4
MOST_OPERATIONS = 200
MOST_UNKNOWN = 8  # operations of unknown outcome make the checker's work hard, and its judgement mild


class Keys:
    """Object ids that begin with a prefix. One that was used much rests: what it holds then must stay to the end."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._made = 0
        self._lock = threading.Lock()
        self._counts: dict[str, list[int]] = {}
        for _ in range(IN_USE):
            self._new()

    def draw(self, random: Random) -> str:
        """One of those in use."""
        with self._lock:
            return random.choice(list(self._counts))

    def used(self, operation: Operation) -> None:
        """Count an operation; its object may rest from now on."""
        with self._lock:
            counts = self._counts.get(operation.key)
            if counts is None:
                return
            counts[0] += 1
            counts[1] += operation.outcome == UNKNOWN
            if counts[0] >= MOST_OPERATIONS or counts[1] >= MOST_UNKNOWN:
                del self._counts[operation.key]
                self._new()

    def _new(self) -> None:
        self._counts[f"{self._prefix}{self._made}"] = [0, 0]
        self._made += 1
