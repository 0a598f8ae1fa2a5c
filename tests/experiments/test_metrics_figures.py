"""Figures in words."""

import pytest

from experiments.metrics.figures import FIGURES, figure_of, said
from experiments.summary import summarise
from tests.experiments.build import RAMP, policy, simulated


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("not_served_share", 0.0002, "0.02 %"),
        ("not_served_share", 0, "0 %"),
        ("not_served_share", 0.0000001, "0 %"),
        ("latency_ms_p99", 6.34, "6.34 ms"),
        ("instance_seconds", 1677.7, "1,678 instance-seconds"),
        ("time_to_adapt_s", 12.345, "12.3 s"),
        ("theta_u_percent", 999.9, "1,000 %"),
        ("contradictory_actions", 2, "2"),
    ],
)
def test_values_have_their_unit_and_the_digits_that_matter(name: str, value: float, words: str) -> None:
    assert said(name, value) == words


def test_a_spread_follows_the_value() -> None:
    assert said("not_served_share", 0.05, 0.012) == "5 ± 1.2 %"


def test_a_figure_without_an_entry_has_the_words_of_its_name() -> None:
    assert (figure_of("clone_ms_p50").label, figure_of("clone_ms_p50").unit) == ("clone p50", " ms")
    assert figure_of("not_served_by_cause.too small").label == "requests not served, too small"
    assert (figure_of("errors").label, figure_of("errors").unit) == ("errors", "")


def test_the_figures_are_those_of_a_run() -> None:
    ran = simulated(policy(), RAMP)
    known = summarise(ran.events, ran.records, ran.load.duration_s)
    assert set(FIGURES) - set(known) == {"elastic_speedup"}
