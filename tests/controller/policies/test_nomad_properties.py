"""What holds for the policy `nomad` whatever its checks are and whatever is seen."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.model import Decision
from tests.controller.build import OBSERVATIONS, observed
from tests.controller.policies.nomad import above, check, nomad

HISTORIES = st.lists(st.tuples(st.floats(0, 3), OBSERVATIONS), max_size=30)
STRATEGIES = st.one_of(
    st.builds(lambda target: {"target_value": {"target": target}}, st.floats(0, 1e4)),
    st.builds(lambda low, delta: above(low, delta), st.floats(0, 1e5), st.integers(-5, 5)),
    st.builds(lambda value: {"fixed_value": {"value": value}}, st.integers(0, 20)),
    st.just({"pass_through": {}}),
)
CHECKS = st.lists(
    st.tuples(
        STRATEGIES, st.sampled_from(["cpu_percent", "offered_rps", "rejected_rps"]), st.sampled_from(["", "g", "h"]),
        st.sampled_from([0.0, 2.0, 10.0]), st.sampled_from([None, "ignore", "fail"]),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def replay(checks: list[Any], history: list[tuple[float, dict[str, Any]]]) -> list[tuple[int, Decision]]:
    """The decisions, each with the count before."""
    made = [check(str(index), **strategy, metric=metric, group=group, query_window_s=window_s, on_error=on_error)
            for index, (strategy, metric, group, window_s, on_error) in enumerate(checks)]  # fmt: skip
    policy, t_s, wanted, decisions = nomad(*made, cooldown_s=2.0, minimum=1, maximum=50), 0.0, 5, []
    for pause_s, seen in history:
        t_s += pause_s
        decision = policy.decide(observed(t_s, wanted, **seen))
        decisions.append((wanted, decision))
        wanted = decision.wanted
    return decisions


@given(CHECKS, HISTORIES)
def test_same_observations_lead_to_the_same_decisions(
    checks: list[Any], history: list[tuple[float, dict[str, Any]]]
) -> None:
    assert replay(checks, history) == replay(checks, history)


@given(CHECKS, HISTORIES)
def test_fleet_never_shrinks_without_data_and_stays_in_bounds(
    checks: list[Any], history: list[tuple[float, dict[str, Any]]]
) -> None:
    for (_, seen), (before, decision) in zip(history, replay(checks, history), strict=True):
        assert 1 <= decision.wanted <= 50
        assert decision.wanted >= (before if seen["missing"] else 0)


@given(CHECKS, HISTORIES)
def test_actions_keep_the_cooldown_apart(checks: list[Any], history: list[tuple[float, dict[str, Any]]]) -> None:
    t_s, acted_s = 0.0, float("-inf")
    for (pause_s, _), (before, decision) in zip(history, replay(checks, history), strict=True):
        t_s += pause_s
        if decision.wanted != before:
            assert t_s - acted_s >= 2 - 1e-6
            acted_s = t_s
