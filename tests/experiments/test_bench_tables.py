"""Statistics, records and tables of the benchmarks."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controller.config import PolicyFile
from experiments.bench import cost, first_answer, modes, scale
from experiments.bench.model import Context, Samples, Series, statistics
from experiments.bench.table import short, table_rows, text_table


def is_accepted(policy: dict[str, Any]) -> bool:
    """Does the controller know such a policy?"""
    try:
        PolicyFile.model_validate(policy)
    except ValidationError:
        return False
    return True


def test_statistics_are_those_of_the_samples() -> None:
    found = statistics([4.0, 1.0, 3.0, 2.0])
    assert found == {"median": 2.5, "p95": 3.85, "p99": 3.97, "min": 1.0, "max": 4.0}
    assert statistics([7.0])["median"] == 7.0
    assert set(statistics([]).values()) == {None}


def test_a_record_holds_every_sample() -> None:
    record = Series("reload", "change", "ms", (1.23456, 2.0)).record()
    assert record["samples"] == [1.235, 2.0]
    assert (record["n"], record["way"], record["what"], record["unit"]) == (2, "reload", "change", "ms")


def test_samples_of_ways_that_take_turns_are_kept_apart() -> None:
    samples = Samples()
    for value in (1.0, 2.0):
        samples.add("a", "time", value)
        samples.add("b", "time", 10 * value)
        samples.add("a", "part", 0.0)
    assert samples.series(details=["part"]) == [
        Series("a", "time", "ms", (1.0, 2.0)),
        Series("b", "time", "ms", (10.0, 20.0)),
        Series("a", "part", "ms", (0.0, 0.0), detail=True),
    ]


def test_a_table_has_ratios_to_the_first_way_and_no_details() -> None:
    series = [
        Series("slow", "time", "ms", (100.0, 300.0)),
        Series("slow", "clone_ms", "ms", (50.0,), detail=True),
        Series("fast", "time", "ms", (20.0, 20.0)),
        Series("none", "time", "ms", ()),
    ]
    entry = {"title": "T", "notes": ["left out: x"], "error": "", "series": [each.record() for each in series]}
    assert text_table([entry]) == [
        "T",
        "",
        "  time (ms)  n  median  p95  p99  least  greatest  ratio",
        "  slow       2     200    -    -    100       300   1.00",
        "  fast       2    20.0    -    -   20.0      20.0   0.10",
        "  left out: x",
    ]


def test_a_way_alone_and_a_median_of_zero_have_no_ratio() -> None:
    assert table_rows([Series("a", "x", "%", (5.0,)).record()])[0][-1] == ""
    assert table_rows([Series(way, "x", "%", (0.0,)).record() for way in "ab"])[1][-1] == ""


def test_a_percentile_is_shown_where_there_are_enough_samples_for_it() -> None:
    (row,) = table_rows([Series("a", "x", "ms", tuple(map(float, range(101)))).record()])
    assert row[1:6] == ("101", "50.0", "95.0", "99.0", "0.00")
    assert table_rows([Series("a", "x", "ms", (1.0,) * 5).record()])[0][3:5] == ("1.00", "-")


def test_numbers_have_three_digits() -> None:
    assert [short(value) for value in (0.1234, 12.345, 123.4, 12345.6, 0.0)] == [
        "0.12",
        "12.3",
        "123",
        "12,346",
        "0.00",
    ]


def test_a_note_is_told_once() -> None:
    told: list[str] = []
    context = Context(Path(), quick=True, say=told.append)
    context.note("no engine")
    context.note("no engine")
    assert told == context.notes == ["no engine"]


@pytest.mark.parametrize("way", first_answer.WAYS, ids=lambda way: way.name)
def test_the_controller_accepts_every_way(way: first_answer.Way) -> None:
    assert is_accepted(way.policy(growth=6))
    assert not is_accepted(way.policy(growth=6) | {"boot": "wish"})


def test_the_controller_accepts_the_policies_of_the_other_benchmarks() -> None:
    policies = [*modes.modes().values(), *(scale.policy(*round) for round in scale.ROUNDS), cost.policy("zygote", 50)]
    assert all(map(is_accepted, policies))


def test_the_modes_differ_in_overload_and_apply_only() -> None:
    found = modes.modes()
    settings = {mode: (policy["service"]["overload"], policy["apply"]) for mode, policy in found.items()}
    lossless = settings.pop("lossless.yaml")
    assert settings == {f"{overload} + {apply}": (overload, apply) for overload, apply in settings.values()}
    assert (len(settings), lossless) == (4, ("queue", "runtime"))
    assert found["reject + reload"]["policy"] == found["queue + runtime"]["policy"]
