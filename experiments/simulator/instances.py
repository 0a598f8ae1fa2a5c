"""An instance as its clients meet it: the rate limiter, or the pacing, and one interpreter that computes."""

from collections import deque

from controller.config import Service as Settings
from experiments.simulator.clock import Clock
from experiments.simulator.parameters import Service, draws_s
from webapp.pacing import WINDOW_S, Pacer

OK, NO_CONTENT, TOO_MANY = 200, 204, 429
KINDS = {"put": NO_CONTENT, "get": OK, "integral": OK}  # and what each is answered


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


class Answering:
    """What all instances have in common: their settings, and how long answers take."""

    def __init__(self, settings: Settings, service: Service, seed: int) -> None:
        self.limit = settings.rate_limit
        self.queues = settings.overload == "queue"
        self.cpu_s = service.cpu_ms / 1000
        self.stretch = 1 / min(1.0, settings.cpu_cores) if settings.cpu_cores else 1.0  # of what it computes
        self.slowdown = service.slowdown
        times = {"put": service.put, "get": service.get, "integral": service.integral}
        self.takes_s = {kind: draws_s(each, seed, kind).__next__ for kind, each in times.items()}
        self.rejecting_s = draws_s(service.rejected, seed, "rejected").__next__


class Instance:
    """One instance. Its requests share one interpreter: what they compute, they compute one after the other."""

    def __init__(self, clock: Clock, answering: Answering) -> None:
        self.used_s = 0.0  # CPU
        self._clock = clock
        self._answering = answering
        self._free_s = 0.0
        limit, queues = answering.limit, answering.queues
        self._window = MovingWindow(limit) if limit and not queues else None
        self._pacer = Pacer(limit, clock.now) if limit and queues else None

    def serve(self, kind: str, boots: int) -> tuple[int, float]:
        """Take a request now, while so many instances boot beside; its status, and when it is answered."""
        now_s, answering, status = self._clock.now_s, self._answering, KINDS[kind]
        begin_s = now_s + self._pacer.reserve() if self._pacer else now_s
        if begin_s < self._free_s:
            begin_s = self._free_s
        if self._window and not self._window.admits(begin_s):
            status, takes_s = TOO_MANY, answering.rejecting_s()
        else:
            takes_s = answering.takes_s[kind]()
        takes_s *= 1 + answering.slowdown * boots
        used_s = min(answering.cpu_s, takes_s)
        self.used_s += used_s
        self._free_s = begin_s + answering.stretch * used_s
        return status, self._free_s + takes_s - used_s
