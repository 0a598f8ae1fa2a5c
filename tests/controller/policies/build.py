"""Builders that the tests of several policies share."""

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st

from controller.model import Decision
from controller.policies import Policy
from tests.controller.build import observed

RATES = st.none() | st.just(0.0) | st.floats(0.01, 1e4)
REQUESTS = st.none() | st.integers(0, 1000)
SEEN: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"offered_rps": RATES, "in_flight_requests": REQUESTS, "missing": st.sampled_from(["", "", "", "no answer"])}
)
HISTORIES = st.lists(st.tuples(st.floats(0, 40), SEEN), max_size=40)

History = Iterable[tuple[float, dict[str, Any]]]


def follow(policy: Policy, history: History, wanted: int = 5, most: int = 200) -> list[tuple[int, Decision]]:
    """(wanted before, decision) at each (pause, what is seen), each one carried out up to `most` before the next."""
    t_s, made = 0.0, []
    for pause_s, fields in history:
        t_s += pause_s
        decision = policy.decide(observed(t_s, wanted, **fields))
        made.append((wanted, decision))
        wanted = min(most, decision.wanted)
    return made


def check(make: Callable[[], Policy], history: History, *needed: str) -> None:
    """What holds for every policy: the same observations give the same decisions, nothing shrinks without data, and
    each decision is a number with a reason."""
    history = list(history)
    made = follow(make(), history)
    assert made == follow(make(), history)
    for (before, decision), (_, fields) in zip(made, history, strict=True):
        assert decision.wanted >= 0
        assert decision.reason
        if fields["missing"] or any(fields[name] is None for name in needed):
            assert decision.wanted >= before
