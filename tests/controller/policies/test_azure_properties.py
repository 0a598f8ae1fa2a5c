"""What holds for the policy `azure` whatever its rules are and whatever is seen."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.model import Decision
from tests.controller.build import OBSERVATIONS, observed
from tests.controller.policies.azure import azure, out, scale_in, settled

HISTORIES = st.lists(st.tuples(st.floats(0, 3), OBSERVATIONS), max_size=30)
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "metric": st.sampled_from(["cpu_percent", "offered_rps", "rejected_rps"]),
            "time_grain_s": st.sampled_from([0.5, 1.0]),
            "time_window_s": st.sampled_from([1.0, 3.0]),
            "statistic": st.sampled_from(["average", "min", "max", "sum", "count"]),
            "time_aggregation": st.sampled_from(["average", "minimum", "maximum", "total", "count", "last"]),
            "operator": st.sampled_from(["greater_than", "less_than", "not_equals"]),
            "threshold": st.floats(0, 1e5),
            "divide_per_instance": st.booleans(),
            "direction": st.sampled_from(["increase", "decrease"]),
            "type": st.sampled_from(["change_count", "percent_change_count", "exact_count"]),
            "value": st.integers(0, 20),
            "cooldown_s": st.floats(0, 5),
        }
    ),
    max_size=4,
)


def replay(rules: list[dict[str, Any]], history: list[tuple[float, dict[str, Any]]]) -> list[tuple[int, Decision]]:
    """The decisions, each with the count before."""
    policy, t_s, wanted, made = azure(*rules, evaluation_interval_s=0.5), 0.0, 5, []
    for pause_s, seen in history:
        t_s += pause_s
        decision = policy.decide(observed(t_s, wanted, **seen))
        made.append((wanted, decision))
        wanted = min(200, decision.wanted)
    return made


@given(RULES, HISTORIES)
def test_same_observations_lead_to_the_same_decisions(
    rules: list[dict[str, Any]], history: list[tuple[float, dict[str, Any]]]
) -> None:
    assert replay(rules, history) == replay(rules, history)


@given(RULES, HISTORIES)
def test_fleet_never_shrinks_without_data(
    rules: list[dict[str, Any]], history: list[tuple[float, dict[str, Any]]]
) -> None:
    for (_, seen), (before, decision) in zip(history, replay(rules, history), strict=True):
        assert decision.wanted >= (before if seen["missing"] else 0)


@given(RULES, HISTORIES)
def test_only_rules_and_the_default_count_change_the_count(
    rules: list[dict[str, Any]], history: list[tuple[float, dict[str, Any]]]
) -> None:
    directions = {rule["direction"] for rule in rules}
    for before, decision in replay(rules, history):
        assert decision.wanted >= before or "decrease" in directions
        assert decision.wanted <= max(before, 1) or "increase" in directions


@given(st.integers(1, 50), st.floats(0.1, 100), st.integers(1, 60))
def test_after_a_scale_in_no_rule_scales_out_under_the_same_load(wanted: int, cpu: float, step: int) -> None:
    rules = (out(70), scale_in(60, step))
    fewer = settled(azure(*rules), wanted, cpu_percent=cpu).wanted
    if fewer < wanted:
        assert settled(azure(*rules), fewer, cpu_percent=cpu * wanted / fewer).wanted <= fewer
