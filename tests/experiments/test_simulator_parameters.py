"""The simulator's parameters: distributions, the file, errors in one line."""

import json
from itertools import islice
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.simulator.parameters import (
    DEFAULT,
    Empirical,
    Lognormal,
    ParametersError,
    Times,
    draws_s,
    load_parameters,
)
from tests.experiments.build import changed, default, exactly

SAMPLES_MS = st.lists(st.floats(0, 1e5), min_size=1, max_size=300)


def drawn_ms(times: Times, count: int = 4000) -> list[float]:
    return sorted(1000 * draw_s for draw_s in islice(draws_s(times, 1, "test"), count))


def test_lognormal_has_its_median_and_its_p95() -> None:
    found = drawn_ms(Lognormal(median_ms=40, p95_ms=90))
    assert median(found) == pytest.approx(40, rel=0.03)
    assert found[int(0.95 * len(found))] == pytest.approx(90, rel=0.05)
    assert set(drawn_ms(Lognormal(median_ms=0, p95_ms=0))) == {0}


def test_empirical_has_the_quantiles_of_its_samples() -> None:
    samples = [float(each * each) for each in range(101)]
    found = drawn_ms(Empirical.of(samples))
    assert median(found) == pytest.approx(50**2, rel=0.05)
    assert found[int(0.9 * len(found))] == pytest.approx(90**2, rel=0.05)


@given(SAMPLES_MS)
def test_empirical_never_leaves_its_samples(samples: list[float]) -> None:
    found = drawn_ms(Empirical.of(samples), 50)
    assert min(samples) - 1e-3 <= found[0] <= found[-1] <= max(samples) + 1e-3


def test_shipped_parameters_tell_where_every_part_comes_from() -> None:
    parameters = load_parameters()
    told = " ".join(parameters.provenance)
    assert all(part in told for part in ("instances", "balancer", "service", "run"))
    assert load_parameters(DEFAULT) == parameters


def test_file_holds_all_of_it_with_each_list_on_a_line(tmp_path: Path) -> None:
    made = changed(default(), balancer={"reload": Empirical.of([1.0, 2.5, 3.0]), "drain": exactly(4)})
    made.save(tmp_path / "p.json")
    assert load_parameters(tmp_path / "p.json") == made
    assert '"quantiles_ms": [ 1.0, 2.5, 3.0 ]' in (tmp_path / "p.json").read_text()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"cores": 0}, "cores: Input should be greater than or equal to 1"),
        ({"speed": 1}, "speed: Extra inputs are not permitted"),
        ({"provenance": None}, "provenance: Input should be an object"),
    ],
)
def test_error_is_one_line_with_file_and_place(tmp_path: Path, change: dict[str, object], line: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({**json.loads(DEFAULT.read_text()), **change}))
    with pytest.raises(ParametersError) as caught:
        load_parameters(path)
    assert str(caught.value) == f"--parameters {path}: {line}"


@pytest.mark.parametrize(
    "times",
    [
        {"median_ms": 5, "p95_ms": 4},
        {"median_ms": -1, "p95_ms": 4},
        {"quantiles_ms": [1]},
        {"quantiles_ms": [2, 1]},
    ],
)
def test_durations_that_cannot_be_are_refused(tmp_path: Path, times: dict[str, object]) -> None:
    document = json.loads(DEFAULT.read_text())
    document["balancer"]["reload"] = times
    (tmp_path / "p.json").write_text(json.dumps(document))
    with pytest.raises(ParametersError, match=r"balancer\.reload"):
        load_parameters(tmp_path / "p.json")


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ParametersError, match="No such file"):
        load_parameters(tmp_path / "none.json")
