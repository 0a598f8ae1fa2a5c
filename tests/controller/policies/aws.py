"""Builders for the tests of the AWS policies: observations of a group, and a group that obeys a policy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from controller.model import Counts, Decision, Observation, Phase, Sample
from controller.policies import Policy

LONG_AGO_S = -1e6


def alarm(comparison: str = "GreaterThanOrEqualToThreshold", threshold: float = 50, **options: Any) -> dict[str, Any]:
    """Options of an alarm on the CPU that one datapoint of a minute sets off."""
    known = {"metric": "cpu_percent", "period_s": 60, "evaluation_periods": 1}
    return {**known, "comparison": comparison, "threshold": threshold, **options}


def in_service(name: str, since_s: float = LONG_AGO_S, cpu_percent: float | None = None) -> Sample:
    return Sample(name, Phase.IN_SERVICE, since_s, since_s, cpu_percent)


def group(
    t_s: float, wanted: int, serving: int | None = None, draining: int = 0, young_s: tuple[float, ...] = (), **seen: Any
) -> Observation:
    """`serving` of the `wanted` instances are in service, those of `young_s` since then, the others for long."""
    serving = wanted if serving is None else serving
    old = [in_service(f"old{number}", cpu_percent=seen.get("cpu_percent")) for number in range(serving - len(young_s))]
    young = [in_service(f"new{number}", since_s, 0.0) for number, since_s in enumerate(young_s)]
    counts = Counts(wanted=wanted, in_service=serving, draining=draining, booting=max(0, wanted - serving))
    return Observation(t_s, counts, instances=(*old, *young), **seen)


@dataclass
class Fleet:
    """A group that does at once what its policy decides, but boots for `boot_s` and drains for `drain_s` seconds."""

    policy: Policy
    wanted: int
    boot_s: float = 0.0
    drain_s: float = 0.0
    tick_s: float = 10.0
    t_s: float = 0.0
    since_s: list[float] = field(default_factory=list)
    going_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.since_s = [LONG_AGO_S] * self.wanted

    def observe(self, **seen: Any) -> Observation:
        serving = [since_s for since_s in self.since_s if since_s <= self.t_s]
        draining = sum(end_s > self.t_s for end_s in self.going_s)
        instances = tuple(in_service(f"i{at}", since_s, seen.get("cpu_percent")) for at, since_s in enumerate(serving))
        counts = Counts(wanted=self.wanted, in_service=len(serving), draining=draining)
        return Observation(self.t_s, counts, instances=instances, **seen)

    def obey(self, decision: Decision) -> None:
        for _ in range(decision.wanted - self.wanted):
            self.since_s.append(self.t_s + self.boot_s)
        for _ in range(self.wanted - decision.wanted):
            self.since_s.pop()
            self.going_s.append(self.t_s + self.drain_s)
        self.wanted = decision.wanted

    def run(self, until_s: float, see: Callable[["Fleet"], dict[str, Any]]) -> Iterator[tuple[float, Decision]]:
        """Each tick's decision, with what `see` says is seen of the group."""
        while self.t_s < until_s - 1e-9:
            decision = self.policy.decide(self.observe(**see(self)))
            yield self.t_s, decision
            self.obey(decision)
            self.t_s += self.tick_s

    def changes(self, until_s: float, see: Callable[["Fleet"], dict[str, Any]]) -> list[tuple[float, int]]:
        """When the count of instances wanted became what."""
        made, before = [], self.wanted
        for t_s, decision in self.run(until_s, see):
            if decision.wanted != before:
                made.append((t_s, decision.wanted))
            before = decision.wanted
        return made


def cpu(percent: float | None) -> Callable[[Fleet], dict[str, Any]]:
    return lambda _: {"cpu_percent": percent}


def load(rps: float) -> Callable[[Fleet], dict[str, Any]]:
    return lambda _: {"offered_rps": rps}


def decisions(policy: Policy, *observations: Observation) -> list[int]:
    return [policy.decide(each).wanted for each in observations]


VALUES = st.none() | st.floats(0, 1e4)
SEEN: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"cpu_percent": VALUES, "offered_rps": VALUES, "missing": st.sampled_from(["", "", "no answer"])}
)
HISTORIES = st.lists(
    st.tuples(st.floats(0.1, 200), st.integers(0, 5), st.integers(0, 3), SEEN), min_size=1, max_size=40
)  # pause, lacking, draining, seen


def history(drawn: list[tuple[float, int, int, dict[str, Any]]], policy: Policy, wanted: int = 10) -> list[
    tuple[Observation, Decision]
]:  # fmt: skip
    """What a policy decides along a drawn history, with the count of instances wanted as it decided."""
    t_s, made = 0.0, []
    for pause_s, lacking, draining, seen in drawn:
        t_s += pause_s
        observation = group(t_s, wanted, max(0, wanted - lacking), draining, **seen)
        decision = policy.decide(observation)
        made.append((observation, decision))
        wanted = min(200, decision.wanted)
    return made
