"""A policy that wears a testbed out: the fleet goes up and down as fast as it can."""

from controller.model import Decision, Observation


class Flapping:
    """From `low` to `high` and back so many times, each as soon as the fleet is there. After the first `warm_up` times,
    and at the end, it rests at `low`; the first rest is `rest_s` long."""

    def __init__(self, low: int = 1, high: int = 5, warm_up: int = 1, times: int = 10, rest_s: float = 5.0) -> None:
        self._low, self._high = low, high
        self._warm_up, self._times, self._rest_s = warm_up, times, rest_s
        self._done = 0
        self._from_s = 0.0

    def decide(self, observation: Observation) -> Decision:
        counts, now_s = observation.counts, observation.t_s
        is_there = counts.in_service == counts.wanted and not counts.booting and not counts.draining
        if not is_there or now_s < self._from_s:
            return Decision(counts.wanted, f"{self._done} of {self._times} times up and down")
        if counts.wanted == self._high:
            self._done += 1
            self._from_s = now_s + self._rest_s if self._done == self._warm_up else now_s
            return Decision(self._low, f"down for the {self._done}. time")
        if self._done >= self._times:
            return Decision(self._low, "all is done")
        return Decision(self._high, f"up for the {self._done + 1}. time")
