"""What became of expectations, in a sentence."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.evidence import Arm, Experiment, estimate
from experiments.scenario import Expectation
from experiments.verdict import Verdict, verdicts_of


def experiment(expect: list[dict[str, Any]], **arms: list[float]) -> Experiment:
    """Arms by name with their values of not_served_share; "only" is an experiment's one arm, which has no name."""
    figures = {name: {"not_served_share": estimate(values)} if values else {} for name, values in arms.items()}
    made = [Arm("" if name == "only" else name, (), each) for name, each in figures.items()]
    expected = tuple(Expectation.model_validate({"figure": "not_served_share", **each}) for each in expect)
    return Experiment("spawn", "Spawn", "It is quick.", "real", None, 6, tuple(made), expected)


def verdict(expected: dict[str, Any], **arms: list[float]) -> Verdict:
    (found,) = verdicts_of(experiment([expected], **arms))
    return found


def test_an_expectation_that_held() -> None:
    assert verdict({"at_most": 0.001}, only=[0.0002]) == Verdict("held", "not served 0.02 %", "at most 0.1 %", few=True)
    assert verdict({"at_least": 0.1}, only=[0.1]).outcome == "held"


def test_an_expectation_of_every_arm_names_the_worst() -> None:
    found = verdict({"at_most": 0.01}, exec=[0.004], zygote=[0.002])
    assert found == Verdict("held", "not served 0.4 % with exec, the highest of 2 variants", "at most 1 %", few=True)
    found = verdict({"at_least": 0.001}, exec=[0.004], zygote=[0.002])
    lowest = "not served 0.2 % with zygote, the lowest of 2 variants"
    assert found == Verdict("held", lowest, "at least 0.1 %", few=True)


def test_an_expectation_that_did_not_hold_names_who_broke_it() -> None:
    found = verdict({"at_most": 0.01}, exec=[0.04, 0.05, 0.06], zygote=[0.002])
    assert found == Verdict("did not hold", "not served 5 ± 2.48 % with exec", "at most 1 %")
    found = verdict({"at_most": 0.01}, a=[0.1], b=[0.2], c=[0.3], d=[0.4], e=[0.001])
    assert found.sentence == "not served 40 % with d, 30 % with c, 20 % with b, 1 more (expected: at most 1 %)"


def test_a_verdict_is_open_where_the_interval_reaches_beyond_the_bound() -> None:
    three = [0.01, 0.015, 0.02]  # 1.5 ± 1.24 %
    assert verdict({"at_most": 0.025}, only=three).open
    assert not verdict({"at_most": 0.05}, only=three).open
    assert not verdict({"at_most": 0.05}, only=[0.04]).open
    assert verdict({"at_least": 0.01}, only=three).open
    assert not verdict({"at_least": 0.2}, only=three).open
    assert not verdict({"at_most": 0.05}, a=[0.06, 0.3, 0.1], b=[0.2, 0.2, 0.2]).open  # b is above it for certain
    assert verdict({"at_most": 0.025}, a=[0.001, 0.001, 0.001], b=three).open


def test_a_verdict_of_two_runs_is_open_where_one_of_them_lies_beyond_the_bound() -> None:
    found = verdict({"at_most": 0.05}, only=[0.01, 0.06])
    assert found == Verdict("held", "not served 3.5 % (1 and 6, n = 2)", "at most 5 %", open=True, few=True)
    assert verdict({"at_most": 0.03}, only=[0.01, 0.06]).open
    assert not verdict({"at_most": 0.06}, only=[0.01, 0.06]).open


def test_a_bound_of_another_arm_is_as_unsure_as_that_is() -> None:
    wide = [0.02, 0.1, 0.18]  # 10 ± 19.9 %
    assert verdict({"at_most": 1, "times": "exec"}, exec=wide, zygote=[0.04, 0.04, 0.04]).open
    assert not verdict({"at_most": 1, "times": "exec"}, exec=[0.1, 0.1, 0.11], zygote=[0.04, 0.04, 0.04]).open
    assert verdict({"at_most": 1, "times": "zygote"}, exec=wide, zygote=[0.04, 0.04, 0.04]).open
    assert verdict({"at_least": 1, "times": "exec"}, exec=[0.1, 0.1, 0.3], zygote=[0.2, 0.2, 0.21]).open


def test_few_runs_of_either_arm_are_told() -> None:
    three = [0.04, 0.04, 0.04]
    assert not verdict({"at_most": 1, "times": "exec"}, exec=[0.1, 0.1, 0.11], zygote=three).few
    assert verdict({"at_most": 1, "times": "exec"}, exec=[0.1, 0.1], zygote=three).few
    assert verdict({"at_most": 1, "times": "exec"}, exec=[0.1, 0.1, 0.11], zygote=[0.04]).few


def test_an_expectation_of_one_arm() -> None:
    assert verdict({"at_most": 0.01, "arm": "zygote"}, exec=[0.5], zygote=[0.002]).outcome == "held"
    assert verdict({"at_most": 0.01, "arm": "exec"}, exec=[0.5], zygote=[0.002]).outcome == "did not hold"


def test_an_expectation_against_another_arm() -> None:
    found = verdict({"at_most": 0.5, "times": "exec"}, exec=[0.1], zygote=[0.04])
    assert found == Verdict("held", "not served 4 % with zygote", "at most 0.5 × the 10 % with exec, so 5 %", few=True)
    assert verdict({"at_most": 0.3, "times": "exec"}, exec=[0.1], zygote=[0.04]).outcome == "did not hold"
    same = verdict({"at_most": 1, "arm": "a/step", "times": "b/step"}, **{"a/step": [0.04], "b/step": [0.1]})
    assert same.sentence == "not served 4 % with a under step (expected: at most the 10 % with b under step)"


@pytest.mark.parametrize(
    ("expected", "where"),
    [
        ({"at_most": 0.1}, " of zygote"),
        ({"at_most": 0.1, "arm": "zygote"}, " of zygote"),
        ({"at_most": 0.1, "arm": "docker"}, " of docker"),
        ({"at_most": 2, "times": "zygote"}, " of zygote"),
        ({"at_most": 0.1, "figure": "cost"}, " of exec, zygote"),
    ],
)
def test_what_no_valid_run_tells(expected: dict[str, Any], where: str) -> None:
    found = verdict(expected, exec=[0.05], zygote=[])
    label = "cost" if "figure" in expected else "not served"
    assert found == Verdict("not told", f"{label}: no valid run{where} tells it")


def test_one_arm_that_breaks_it_is_enough() -> None:
    assert verdict({"at_most": 0.01}, exec=[0.05], zygote=[]).outcome == "did not hold"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1))
def test_a_bound_is_met_or_not(value: float, other: float, bound: float) -> None:
    arms = {"exec": [value], "zygote": [other]}
    held = verdict({"at_most": bound}, **arms).outcome == "held"
    assert held == (max(value, other) <= bound * (1 + 1e-9))
    assert (verdict({"at_least": bound}, **arms).outcome == "held") == (min(value, other) >= bound * (1 - 1e-9))
