"""The live host: actions run in background threads, their results come back as events on a queue."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

from controller.actions import Action, Apply, Clone, Drain, Freeze, Return, Stop
from controller.containers import Containers
from controller.haproxy import HAProxy
from controller.model import Phase
from controller.ports import (
    Applied,
    ApplyFailed,
    Booted,
    ControllerError,
    Drained,
    Event,
    Failed,
    ReturnFailed,
    StopFailed,
    Stopped,
)

DRAIN_S = 30.0  # as long as HAProxy's old workers may live; a transfer that takes longer is cut
PARALLEL_BOOTS = os.cpu_count() or 1  # boots are bound by the CPU: more at once make each slower and none earlier


def started_pool(threads: int, name: str) -> ThreadPoolExecutor:
    """A pool whose threads all run already: when one is needed, the host may have none left."""
    pool, together = ThreadPoolExecutor(threads, name), threading.Barrier(threads)
    for _ in range(threads):
        pool.submit(together.wait)
    return pool


class Host:
    """The live actuator."""

    def __init__(
        self,
        containers: Containers,
        balancer: HAProxy,
        await_first_answer: Callable[[str], None],
        closing: threading.Event,
    ) -> None:
        self.events: SimpleQueue[Event | None] = SimpleQueue()  # None only wakes the loop
        self._containers = containers
        self._balancer = balancer
        self._await_first_answer = await_first_answer
        self._closing = closing
        self._drain_orders: dict[str, object] = {}  # the newest order to drain each instance; older ones are void
        self._boots = started_pool(PARALLEL_BOOTS, "boot")
        self._spares = started_pool(1, "spare")
        self._balancing = started_pool(1, "balancer")
        self._drains = started_pool(16, "drain")
        self._stops = started_pool(4, "stop")

    def act(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Clone(name, slot, spare):
                    pool = self._spares if spare else self._boots  # slow ones must not keep others waiting
                    pool.submit(self._report, partial(self._boot, name, slot, spare), partial(Failed, name))
                case Apply():
                    self._balancing.submit(self._report, partial(self._apply, action), ApplyFailed)
                case Drain(name):
                    order = self._drain_orders[name] = object()
                    self._balancing.submit(self._report, partial(self._drain, name, order), partial(Drained, name))
                case Return(name):
                    self._drain_orders.pop(name, None)
                    self._balancing.submit(self._report, partial(self._return, name), partial(ReturnFailed, name))
                case Freeze(name):
                    self._balancing.submit(self._report, partial(self._freeze, name), partial(Failed, name))
                case Stop(name):
                    self._drain_orders.pop(name, None)
                    self._stops.submit(self._report, partial(self._stop, name), partial(StopFailed, name))

    def adopt(self, name: str, slot: int, phase: Phase) -> None:
        """Take over what an earlier controller left: it counts as booted when its health check answers, and what that
        one began to drain is drained."""
        if phase is Phase.DRAINING:
            self.act([Drain(name)])
            return
        if phase is Phase.BOOTING:
            self._await_first_answer(name)
        if phase is not Phase.FAILED:
            self._boots.submit(self._report, partial(self._check, name, slot), partial(Failed, name))

    def close(self) -> None:
        """Begin nothing more, end the waits, and see what has begun to its end."""
        self._closing.set()
        for pool in (self._boots, self._spares, self._balancing, self._drains, self._stops):
            pool.shutdown(wait=True, cancel_futures=True)

    def _report(self, job: Callable[[], Event | None], failure: Callable[[str], Event]) -> None:
        """Whatever happens to a job, the loop hears of it."""
        try:
            event = job()
        except (ControllerError, OSError, ValueError) as error:
            event = failure(str(error))
        except Exception as error:
            event = failure(f"{type(error).__name__}: {error}")
        if event is not None:
            self.events.put(event)

    def _boot(self, name: str, slot: int, spare: bool) -> Event:
        self._await_first_answer(name)
        return Booted(name, self._containers.boot(name, slot, spare))

    def _check(self, name: str, slot: int) -> Event:
        self._containers.adopt(name, slot)
        return Booted(name)

    def _return(self, name: str) -> None:
        self._balancer.undrain(name)

    def _freeze(self, name: str) -> None:
        self._containers.freeze(name)

    def _apply(self, action: Apply) -> Event:
        started = time.monotonic()
        for member in action.members:
            self._containers.thaw(member.name)
        how = self._balancer.apply(action.members)
        return Applied(action, 1000 * (time.monotonic() - started), how)

    def _drain(self, name: str, order: object) -> Event | None:
        """Begin to drain, in turn with applies and returns, and wait beside them."""
        if self._drain_orders.get(name) is not order:
            return None
        refusal = ""
        try:
            self._balancer.drain(name)
        except (ControllerError, OSError) as error:  # HAProxy may have been told, and its file not be written
            refusal = str(error)
        self._drains.submit(self._report, partial(self._await_idle, name, order, refusal), partial(Drained, name))
        return None

    def _await_idle(self, name: str, order: object, refusal: str) -> Event | None:
        """None where the order was called back: the instance serves again, or is gone."""
        deadline = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline and not self._closing.is_set():
            with contextlib.suppress(ControllerError, OSError, ValueError):  # no answer is not "none in flight"
                idle = self._balancer.in_flight(name) == 0
                if self._drain_orders.get(name) is not order:
                    return None
                if idle:
                    return Drained(name, refusal)
            time.sleep(0.02)
        return Drained(name, f"still had requests in flight after {DRAIN_S:g} s of draining")

    def _stop(self, name: str) -> Event:
        started = time.monotonic()
        self._containers.stop(name)
        return Stopped(name, 1000 * (time.monotonic() - started))
