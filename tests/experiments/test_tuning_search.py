"""The search, with an objective that is known, and the choice among what it found."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.tuning.search import EQUAL, LATENCY_MS, Trial, best, front, search
from experiments.tuning.space import Choice, Number, Parameter, Place
from experiments.tuning.trials import Outcome, Score

SPACE: list[Parameter] = [
    Number(("x",), 8.0, 1.0, 9.0, whole=False),
    Number(("n",), 4, 1, 9, whole=True, suffix="%"),
    Choice(("mode",), "bad", ("bad", "good")),
]


def known(values: Mapping[Place, Any]) -> list[Outcome] | None:
    """Below 3, x loses requests; above, it costs; in the mode `bad` it costs twice as much. An n of 7 is not legal."""
    x, mode = values[("x",)], values[("mode",)]
    if values[("n",)] == "7%":
        return None
    lost = max(0, round(100 * (3 - x)))
    return [Outcome(1000, lost, x * (2 if mode == "bad" else 1), 3.0, 100.0)]


def test_the_given_values_come_first_and_the_search_finds_the_cheapest_that_loses_nothing() -> None:
    found = list(search(SPACE, known, trials=80, seed=1, jobs=1))
    assert [number for number, _ in found] == list(range(80))
    trials = [trial for _, trial in found if trial]
    assert trials[0].values == {("x",): 8.0, ("n",): "4%", ("mode",): "bad"}
    assert any(trial is None for _, trial in found)
    chosen = best(trials)
    assert chosen.score.not_served_share == 0
    assert chosen.score.cost_ratio < 1.1
    assert chosen.values[("mode",)] == "good"


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_seed_gives_the_same_trials(jobs: int) -> None:
    one, same, other = (list(search(SPACE, known, 30, seed, jobs)) for seed in (1, 1, 2))
    assert one == same != other


SCORES = st.builds(
    Score, st.sampled_from([0.0, 0.01, 0.02]), st.floats(0.5, 2), st.sampled_from([10.0, LATENCY_MS, 2000.0])
)
TRIALS = st.lists(SCORES, min_size=1, max_size=30).map(
    lambda scores: [Trial(number, {}, score) for number, score in enumerate(scores)]
)


def beats(one: Trial, other: Trial) -> bool:
    ours, theirs = ((each.score.not_served_share, each.score.cost_ratio) for each in (one, other))
    return ours != theirs and all(our <= their for our, their in zip(ours, theirs, strict=True))


@given(TRIALS)
def test_nothing_beats_the_front_and_what_is_not_in_it_is_beaten_or_equal(trials: list[Trial]) -> None:
    found = front(trials)
    assert not any(beats(trial, other) for trial in trials for other in found)
    for trial in trials:
        assert trial in found or any(
            beats(other, trial) or trial.score.cost_ratio == other.score.cost_ratio for other in found
        )


@given(TRIALS)
def test_the_best_loses_least_then_keeps_its_latency_then_costs_least(trials: list[Trial]) -> None:
    chosen = best(trials).score
    lossless = [each.score for each in trials if each.score.not_served_share == chosen.not_served_share]
    assert chosen.not_served_share == min(each.score.not_served_share for each in trials)
    soon = [score for score in lossless if score.latency_ms_p99 <= LATENCY_MS]
    assert chosen.latency_ms_p99 <= LATENCY_MS or not soon
    assert chosen.cost_ratio <= min(score.cost_ratio for score in soon or lossless) * (1 + EQUAL)
