"""The controller in virtual time: its own loop, fleet, judge and limits over a model of the host."""

from collections.abc import Sequence

from controller.config import PolicyFile
from controller.fleet import Fleet
from controller.judge import Judge
from controller.loop import Loop
from controller.ports import Actuator, Event, Journal, Sensor
from experiments.simulator.clock import Clock


class Controller:
    """Ticks every `settings.tick_s`, and handles what it is told in between; `started` is the time of day that its
    journal tells."""

    def __init__(
        self, clock: Clock, settings: PolicyFile, fleet: Fleet, sensor: Sensor, actuator: Actuator, journal: Journal,
        shadows: Sequence[Judge], started: str,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._settings = settings
        self._journal = journal
        self._started = started
        self._loop = Loop(fleet, settings.make_judge(settings.policy_name), sensor, actuator, journal, shadows)

    def run(self, first_tick_s: float) -> None:
        """Until the clock is stopped."""
        policy, notes = self._settings.model_dump(mode="json"), self._settings.notes
        self._journal.write(0.0, "start", monotonic_s=0.0, time=self._started, policy=policy, notes=notes)
        self._clock.at(first_tick_s, self._tick)
        self._clock.run()
        self._journal.write(self._clock.now_s, "stop", troubles=[], tick_ms_p50=None, tick_ms_p99=None)

    def tell(self, event: Event) -> None:
        """Something happened now."""
        self._loop.handle(event, self._clock.now_s)
        self._await_wake()

    def _tick(self) -> None:
        self._loop.tick(self._clock.now_s)
        self._await_wake()
        self._clock.after(self._settings.tick_s, self._tick)

    def _await_wake(self) -> None:
        """The loop may want to go on before the next tick or event."""
        if (wake_s := self._loop.wake_s) is not None:
            self._clock.at(wake_s, self._wake)

    def _wake(self) -> None:
        if (wake_s := self._loop.wake_s) is not None and wake_s <= self._clock.now_s:
            self._loop.wake(self._clock.now_s)
