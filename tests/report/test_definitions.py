"""The words that the tables use are defined."""

from experiments.metrics.elasticity import elastic_speedup
from report.definitions import DEFINITIONS, FLOOR_TIMES


def test_every_figure_has_one_definition() -> None:
    names = [name for name, _, _ in DEFINITIONS]
    assert len(names) == len(set(names))
    assert "elastic speedup ε" in names


def test_the_speedup_tells_its_baseline_its_floor_and_what_it_decides() -> None:
    told = next(text for name, _, text in DEFINITIONS if name == "elastic speedup ε")
    for part in ("static-mean", "(b + 0.1) / (x + 0.1)", "up to 1.8 times", "higher is better"):
        assert part in told


def test_a_tenth_of_the_floor_would_be_as_much_more_as_is_told() -> None:
    whole = elastic_speedup([0.0, 50.0, 50.0, 50.0], [1e6, 50.0, 50.0, 50.0])
    tenth = elastic_speedup([0.0, 50.0, 50.0, 50.0], [1e7, 50.0, 50.0, 50.0])  # the same as with a tenth of the floor
    assert round(tenth / whole, 3) == round(FLOOR_TIMES, 3)
