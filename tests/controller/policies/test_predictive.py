"""The policy `predictive`: it anticipates a ramp and a season, and is never worse than reacting."""

import math
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.model import Decision
from controller.policies import Policy
from controller.policies.predictive import History, HoltWinters, Predictive, PredictiveConfig
from controller.policies.target import Target, TargetConfig
from tests.controller.build import ROOT, observed
from tests.controller.policies.build import HISTORIES, check
from tests.controller.policies.build import History as Seen

TICK_S = 0.5
Load = Callable[[float], float]


def predictive(**options: Any) -> Predictive:
    return Predictive(PredictiveConfig.model_validate({"rate_per_instance": 10.0} | options))


def reactive() -> Target:
    return Target(TargetConfig(rate_per_instance=10))


def run(policy: Policy, load: Load, to_s: float, missing: tuple[float, float] = (0, 0)) -> dict[float, Decision]:
    """The decisions under a load, each carried out at once; none is known of between the `missing` times."""
    wanted, made = 1, {}
    for tick in range(int(to_s / TICK_S) + 1):
        t_s = tick * TICK_S
        known = not missing[0] <= t_s < missing[1]
        made[t_s] = policy.decide(observed(t_s, wanted, offered_rps=load(t_s) if known else None))
        wanted = made[t_s].wanted
    return made


def ramp(t_s: float) -> float:
    """5 to 100 within 90 s."""
    return 5 + 95 * min(t_s, 90) / 90


def sine(t_s: float) -> float:
    """10 to 100 and back each 30 s, lowest at first."""
    return 55 - 45 * math.cos(2 * math.pi * t_s / 30)


def first(made: dict[float, Decision], wanted: int, from_s: float = 0) -> float:
    return next(t_s for t_s, decision in made.items() if t_s >= from_s and decision.wanted >= wanted)


def leads(ahead: dict[float, Decision], behind: dict[float, Decision], sizes: range, from_s: float = 0) -> list[float]:
    """By how much the one reaches each size before the other."""
    return [first(behind, size, from_s) - first(ahead, size, from_s) for size in sizes]


def test_ramp_is_anticipated_by_the_horizon() -> None:
    found = leads(run(predictive(horizon_s=5.0), ramp, 90), run(reactive(), ramp, 90), range(4, 11))
    assert all(4 <= lead_s <= 6 for lead_s in found)


@pytest.mark.parametrize(("horizon_s", "sizes"), [(3.0, range(3, 11)), (5.0, range(5, 11))])
def test_season_is_anticipated_once_it_was_seen_twice(horizon_s: float, sizes: range) -> None:
    options = {"season_s": 30.0, "history_s": 90.0, "horizon_s": horizon_s}
    ahead, behind = run(predictive(**options), sine, 105), run(reactive(), sine, 105)
    assert all(abs(lead_s - horizon_s) <= 1.5 for lead_s in leads(ahead, behind, sizes, from_s=90))


def test_season_tells_of_a_rise_before_it_begins() -> None:
    """At its lowest the trend alone knows nothing of what comes: 55 - 45 cos 60° = 32.5 in 5 s."""
    options = {"history_s": 90.0, "horizon_s": 5.0}
    assert run(predictive(season_s=30.0, **options), sine, 90)[90.0].wanted == 4
    assert run(predictive(**options), sine, 90)[90.0].wanted <= 2


def test_steady_load_needs_no_more_than_the_formula() -> None:
    made = run(predictive(), lambda _: 57.0, 120)
    assert {decision.wanted for decision in made.values()} == {6}


def test_falling_load_is_followed_as_fast_as_by_reacting() -> None:
    def load(t_s: float) -> float:
        return ramp(t_s) if t_s < 90 else max(5.0, 100 - (t_s - 90))

    ahead, behind = run(predictive(), load, 180), run(reactive(), load, 180)
    late = [t_s for t_s in ahead if t_s > 100 and ahead[t_s].wanted > behind[t_s].wanted]
    assert late == []


def test_forecast_beyond_the_ceiling_is_cut() -> None:
    def load(t_s: float) -> float:
        return 5.0 * math.exp(0.1 * min(t_s, 40.0))

    made = run(predictive(horizon_s=30.0, ceiling=1.2, sample_s=0.5), load, 40)
    assert made[40.0].wanted == math.ceil(1.2 * load(40) / 10)


def test_target_decides_alone_until_enough_was_seen() -> None:
    ahead, behind = run(predictive(learn_s=30.0), ramp, 40), run(reactive(), ramp, 40)
    before = [t_s for t_s in ahead if t_s < 29]
    assert [ahead[t_s].wanted for t_s in before] == [behind[t_s].wanted for t_s in before]
    assert ahead[10.0].reason == f"{behind[10.0].reason}; no forecast yet, 11 of 30 s seen"
    assert "expected" in ahead[29.0].reason


def test_unknown_rate_holds_and_is_bridged() -> None:
    made = run(predictive(), lambda _: 57.0, 200, missing=(80, 150))
    assert {decision.wanted for decision in made.values()} == {6}
    assert made[100.0].reason == "the offered rate is not known"
    assert "expected" in made[150.0].reason


def test_reason_tells_the_expected_and_the_present_rate() -> None:
    decision = run(predictive(), ramp, 50)[50.0]
    pattern = r"6[23]\.\d/s expected within 5 s, 57\.8/s now: 7 for 6[23]\.\d/s at 10/s each"
    assert re.fullmatch(pattern, decision.reason)
    assert decision.considered == ("7 by the present rate alone: offered 57.8/s fits 7",)


def test_policy_describes_itself_in_words() -> None:
    assert predictive(season_s=60.0).describe()[1:] == [
        "for the present rate and the highest expected within 5 s by exponential smoothing with a season of 60 s; "
        "for the present rate alone in the first 20 s",
        "sampled each 1 s, 300 s of history, fitted each 10 s",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"history_s": 601.0}, "history_s must be at most 600 times sample_s"),
        ({"horizon_s": 601.0}, "horizon_s must be at most 600 times sample_s"),
        ({"learn_s": 11.0}, "learn_s must be from 12 times sample_s to history_s"),
        ({"learn_s": 301.0}, "learn_s must be from 12 times sample_s to history_s"),
        ({"season_s": 60.5}, "season_s must be a whole multiple of sample_s"),
        ({"season_s": 3.0}, "at least 4 times as long"),
        ({"season_s": 151.0}, "history_s must hold two seasons"),
    ],
)
def test_options_that_cannot_go_together_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        predictive(**options)


def test_library_is_loaded_only_for_this_policy() -> None:
    code = "import sys, controller.policies.predictive; print('statsmodels' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def samples(history: History, *seen: tuple[float, float | None]) -> list[float]:
    for t_s, rate in seen:
        history.add(t_s, rate)
    return list(history.values)


def test_sample_is_the_mean_since_the_one_before() -> None:
    assert samples(History(1, 9), (0, 10), (0.5, 20), (1.0, 40), (1.5, 7), (2.0, None), (2.5, 9)) == [10, 30, 7]


def test_times_without_data_repeat_the_last_sample() -> None:
    assert samples(History(1, 9), (0, None), (1, 10), (2, None), (3, None), (4, 20), (8, 50)) == [
        10, 10, 10, 20, 20, 20, 20, 50
    ]  # fmt: skip


def test_late_tick_does_not_shift_the_later_samples() -> None:
    assert samples(History(1, 9), (0, 1), (1.4, 2), (2, 3), (2.9, 4), (3, 6)) == [1, 2, 3, 5]


def test_history_is_bounded_however_long_the_gap() -> None:
    assert samples(History(1, 3), (0, 1), (1e6, 2)) == [1, 1, 2]


@pytest.mark.parametrize("values", [[0.0] * 40, [7.0] * 40, [1e-9, 1e9] * 20, [0.0] * 39 + [1e5]])
def test_any_history_gives_a_finite_forecast_or_none(values: list[float]) -> None:
    for season in (0, 10):
        highest = HoltWinters(season).highest(values, 5, refit=True)
        assert highest is None or math.isfinite(highest)


def test_parameters_are_kept_between_fits() -> None:
    values = [ramp(t_s) + 5 * math.sin(t_s) for t_s in range(60)]
    model = HoltWinters(0)
    fitted = model.highest(values, 5, refit=True)
    assert model.highest(values, 5, refit=False) == pytest.approx(fitted, rel=1e-6)


def test_fit_of_the_longest_history_takes_less_than_a_tick() -> None:
    model, values, took_s = HoltWinters(300), [sine(t_s) + math.sin(t_s * t_s) for t_s in range(600)], []
    for _ in range(3):
        began_s = time.process_time()
        model.highest(values, 60, refit=True)
        took_s.append(time.process_time() - began_s)
    assert min(took_s) < 0.2  # 0.02 on one core of an AMD EPYC


@settings(max_examples=8, deadline=None)
@given(st.lists(st.just(0.0) | st.floats(0.001, 1000), min_size=20, max_size=60))
def test_never_fewer_than_the_present_rate_needs(rates: list[float]) -> None:
    policy, wanted = predictive(learn_s=12.0), 1
    for t_s, rate in enumerate(rates):
        wanted = policy.decide(observed(float(t_s), wanted, offered_rps=rate)).wanted
        assert wanted * 10 >= rate * (1 - 1e-9)


@settings(max_examples=8, deadline=None)
@given(HISTORIES)
def test_properties_of_every_policy(history: Seen) -> None:
    check(lambda: predictive(sample_s=5.0, learn_s=60.0), history, "offered_rps")
