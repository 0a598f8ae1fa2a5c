"""An instance as its clients meet it: the rate limiter, or the pacing, and one interpreter that computes."""

from collections import deque
from random import Random

from controller.config import Service as Settings
from experiments.simulator.clock import Clock
from experiments.simulator.parameters import Service, Times
from webapp.pacing import WINDOW_S, Pacer

HEALTH = "health"  # the kind of request that is never limited
OK, NO_CONTENT, TOO_MANY = 200, 204, 429


class MovingWindow:
    """Flask-Limiter's moving window: at most so many requests in any second, both of its ends included."""

    def __init__(self, limit: int) -> None:
        self._admitted_s: deque[float] = deque(maxlen=limit)

    def admits(self, now_s: float) -> bool:
        full = len(self._admitted_s) == self._admitted_s.maxlen
        if full and self._admitted_s[0] >= now_s - WINDOW_S:
            return False
        self._admitted_s.append(now_s)
        return True


class Instance:
    """One instance. Its requests share one interpreter: what they compute, they compute one after the other."""

    def __init__(self, clock: Clock, settings: Settings, service: Service, random: Random) -> None:
        self.used_s = 0.0  # CPU
        self._clock = clock
        self._service = service
        self._random = random
        self._free_s = 0.0
        limited, queues = settings.rate_limit > 0, settings.overload == "queue"
        self._window = MovingWindow(settings.rate_limit) if limited and not queues else None
        self._pacer = Pacer(settings.rate_limit, clock.now) if limited and queues else None
        self._times: dict[str, Times] = {
            "put": service.put, "get": service.get, "integral": service.integral, HEALTH: service.get,
        }  # fmt: skip

    def serve(self, kind: str, boots: int) -> tuple[int, float]:
        """Take a request now, while so many instances boot beside; its status, and when it is answered."""
        now_s = self._clock.now_s
        free_of_limit = kind == HEALTH
        turn_s = now_s + self._pacer.reserve() if self._pacer and not free_of_limit else now_s
        begin_s = max(turn_s, self._free_s)
        rejected = not free_of_limit and self._window is not None and not self._window.admits(begin_s)
        slower = 1 + self._service.slowdown * boots
        takes_s = slower * (self._service.rejected if rejected else self._times[kind]).draw_s(self._random)
        computes_s = min(self._service.cpu_ms / 1000, takes_s)
        self._free_s = begin_s + computes_s
        self.used_s += computes_s
        return (TOO_MANY if rejected else NO_CONTENT if kind == "put" else OK), begin_s + takes_s
