"""Bounds, steps, cooldown and stabilisation of decisions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.limits import Clamp, Limited, Limiter, Limits
from tests.controller.build import decided, observed

LIMITS = st.builds(
    Limits,
    minimum=st.integers(0, 5), maximum=st.integers(5, 40), step_up=st.integers(0, 9), step_down=st.integers(0, 9),
    cooldown_down_s=st.sampled_from([0.0, 1.0, 7.5]), stabilise_down_s=st.sampled_from([0.0, 2.0, 10.0]),
)  # fmt: skip
HISTORY = st.lists(
    st.tuples(st.floats(0, 4), st.integers(0, 60), st.sampled_from(["", "no answer"])), min_size=1, max_size=40
)


def limiter(**limits: Any) -> Limiter:
    return Limiter(Limits(**{"minimum": 0, "maximum": 100, **limits}))


def follow(made: Limiter, *wishes: tuple[float, int], before: int = 10) -> list[int]:
    """What is carried out at each (time, wish), each one starting from what was carried out before."""
    sizes = []
    for t_s, wish in wishes:
        before = made.apply(decided(wish), observed(t_s, before)).wanted
        sizes.append(before)
    return sizes


def replay(limits: Limits, history: list[tuple[float, int, str]]) -> list[tuple[float, int, int, str, Limited]]:
    """(time, wanted before, wish, what is missing, decision) of each step."""
    made, t_s, before, steps = Limiter(limits), 0.0, limits.minimum, []
    for pause_s, wish, missing in history:
        t_s += pause_s
        decision = made.apply(decided(wish), observed(t_s, before, missing=missing))
        steps.append((t_s, before, wish, missing, decision))
        before = decision.wanted
    return steps


def test_decision_within_the_limits_is_left_alone() -> None:
    assert limiter().apply(decided(12), observed(0, 10)) == Limited(12, "because")


def test_bounds_hold_and_say_so() -> None:
    made = limiter(minimum=2, maximum=5)
    assert made.apply(decided(9), observed(0, 5)) == Limited(
        5, "because (wanted 9; capped by instances.max)",
        clamps=(Clamp("instances.max", 9, 5, "capped by instances.max"),),
    )  # fmt: skip
    assert made.apply(decided(0), observed(1, 5)).reason == "because (wanted 0; raised to instances.min)"


def test_steps_bound_a_change_in_both_directions() -> None:
    made = limiter(step_up=3, step_down=2)
    assert follow(made, (0, 50), (1, 50), (2, 0), (3, 0)) == [13, 16, 14, 12]


def test_minimum_wins_over_a_small_step() -> None:
    assert follow(limiter(minimum=8, step_up=1), (0, 8), before=0) == [8]


def test_fleet_does_not_shrink_soon_after_a_change() -> None:
    made = limiter(cooldown_down_s=10)
    assert follow(made, (0, 12), (5, 11), (9.9, 11), (10, 11), (15, 10), (20, 10)) == [12, 12, 12, 11, 11, 10]


def test_cooldown_never_holds_back_growth() -> None:
    assert follow(limiter(cooldown_down_s=10), (0, 12), (0.5, 20), (1, 30)) == [12, 20, 30]


def test_cooldown_says_how_long_it_lasts() -> None:
    made = limiter(cooldown_down_s=10)
    made.apply(decided(12), observed(0, 10))
    assert "held, cooldown, 7.5 s left" in made.apply(decided(5), observed(2.5, 12)).reason


def test_fleet_shrinks_only_to_the_most_that_was_wanted_lately() -> None:
    made = limiter(stabilise_down_s=10)
    assert follow(made, (0, 10), (5, 4), (9, 6), (10, 2), (15, 2), (19, 2)) == [10, 10, 10, 6, 6, 2]


def test_stabilisation_never_makes_the_fleet_grow() -> None:
    made = limiter(stabilise_down_s=10, maximum=10)
    assert follow(made, (0, 30), (1, 3), before=10) == [10, 10]


def test_missing_data_never_shrinks_the_fleet_and_says_so() -> None:
    decision = limiter().apply(decided(3), observed(0, 10, missing="no statistics"))
    assert (decision.wanted, decision.reason) == (10, "because (wanted 3; held, no data: no statistics)")


def test_missing_data_does_not_forbid_growth() -> None:
    assert limiter().apply(decided(12), observed(0, 10, missing="no statistics")).wanted == 12


@given(LIMITS, HISTORY)
def test_decisions_stay_within_the_bounds(limits: Limits, history: list[tuple[float, int, str]]) -> None:
    assert all(limits.minimum <= step[-1].wanted <= limits.maximum for step in replay(limits, history))


@given(LIMITS, HISTORY)
def test_fleet_never_shrinks_without_data(limits: Limits, history: list[tuple[float, int, str]]) -> None:
    for _, before, _, missing, decision in replay(limits, history):
        assert not missing or decision.wanted >= before


@given(LIMITS, HISTORY)
def test_result_lies_between_the_wish_and_what_was(limits: Limits, history: list[tuple[float, int, str]]) -> None:
    """Except where the wish is out of bounds, no limit overshoots or turns a change round."""
    for _, before, wish, _, decision in replay(limits, history):
        legal = min(max(wish, limits.minimum), limits.maximum)
        assert min(before, legal) <= decision.wanted <= max(before, legal)


@given(LIMITS, HISTORY)
def test_steps_and_cooldown_hold_over_any_history(limits: Limits, history: list[tuple[float, int, str]]) -> None:
    changed_s = None
    for t_s, before, _, _, decision in replay(limits, history):
        change = decision.wanted - before
        assert not limits.step_up or change <= limits.step_up
        assert not limits.step_down or -change <= limits.step_down
        assert change >= 0 or changed_s is None or t_s - changed_s >= limits.cooldown_down_s
        changed_s = t_s if change else changed_s


@given(LIMITS, HISTORY)
def test_clamps_lead_from_the_wish_to_the_result_and_the_reason_tells_of_each(
    limits: Limits, history: list[tuple[float, int, str]]
) -> None:
    for _, _, wish, _, decision in replay(limits, history):
        sizes = [wish, *(clamp.after for clamp in decision.clamps)]
        assert [clamp.before for clamp in decision.clamps] == sizes[:-1]
        assert decision.wanted == sizes[-1]
        words = "".join(f" (wanted {clamp.before}; {clamp.why})" for clamp in decision.clamps)
        assert decision.reason == f"because{words}"


@pytest.mark.parametrize(
    ("limit", "wish"),
    [("step_up", 15), ("step_down", 5), ("cooldown_down_s", 5), ("stabilise_down_s", 5)],
)
def test_clamp_names_the_key_of_its_limit(limit: str, wish: int) -> None:
    made = limiter(**{limit: 2})
    made.apply(decided(12), observed(0, 10))
    (clamp,) = made.apply(decided(wish), observed(1, 12)).clamps
    assert (clamp.limit, clamp.before) == (f"limits.{limit}", wish)


@given(LIMITS, HISTORY)
def test_same_history_leads_to_the_same_decisions(limits: Limits, history: list[tuple[float, int, str]]) -> None:
    assert replay(limits, history) == replay(limits, history)


@pytest.mark.parametrize("wish", [0, 10, 100])
def test_zero_means_no_such_limit(wish: int) -> None:
    assert follow(limiter(), (0, wish)) == [wish]
