"""Loads as documents: what is legal, what follows from them, what replaces what."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen import recorded
from loadgen.load import SHAPES, ClosedLoad, LoadError, OpenLoad, parse_load, read_load
from loadgen.shapes import PiecewiseLinear
from webapp.integral import STEP_COUNTS

SINE = {"shape": "sine", "low_rps": 5, "peak_rps": 25, "period_s": 20, "duration_s": 40}
NOISE = {"shape": "noise", "mean_rps": 10, "spread_rps": 5, "interval_s": 2, "duration_s": 60}
RAMP = {"shape": "ramp", "low_rps": 5, "peak_rps": 50, "duration_s": 30}
SUM = {"shape": "sum", "of": [SINE, NOISE]}
PRODUCT = {"shape": "product", "of": [NOISE, 0.5, {"shape": "constant", "rate_rps": 2, "duration_s": 50}]}
THEN = {"shape": "then", "of": [RAMP, SUM]}
DOCUMENTS = [SINE, NOISE, RAMP, SUM, PRODUCT, THEN, *({"shape": shape} for shape in SHAPES[:10])]


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "trace.csv"
    path.write_text("0,100\n60,300\n120,200\n")
    return str(path)


def opened(document: dict[str, Any]) -> OpenLoad:
    load = parse_load(document)
    assert isinstance(load, OpenLoad)
    return load


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_a_load_is_the_same_after_it_was_written_and_read(document: dict[str, Any]) -> None:
    load = opened({**document, "arrivals": "poisson", "seed": 7})
    assert load.model_dump()["shape"] == document["shape"]
    for mode in ("python", "json"):
        assert parse_load(load.model_dump(mode=mode)) == load
    assert list(opened(load.model_dump()).due_times()) == list(load.due_times())
    assert hash(load) == hash(parse_load(load.model_dump()))


def test_shapes_stand_beside_the_load_s_own_fields() -> None:
    load = opened({**RAMP, "seed": 3, "integral_share": 0.5})
    assert load.model_dump() == {
        **RAMP, "seed": 3, "integral_share": 0.5, "integral_steps": 1000, "arrivals": "even",
    }  # fmt: skip
    assert (load.shape, load.duration_s, load.highest_rps) == ("ramp", 30, 50)


def test_combinations_are_what_their_parts_make() -> None:
    both, chain, product = opened(SUM), opened(THEN), opened(PRODUCT)
    assert both.duration_s == 60
    assert both.curve().integral(40) == pytest.approx(40 * 15 + opened(NOISE).curve().integral(40), rel=0.3)
    assert chain.duration_s == 90
    assert chain.curve().rate(15) == 50
    assert product.duration_s == 50
    parts = [part.curve("1.0") for part in product.spec.parts]  # type: ignore[union-attr]
    assert product.curve().rate(21) == pytest.approx(parts[0].rate(21) * 0.5 * 2)


def test_the_seed_is_of_noise_too_but_one_with_a_seed_of_its_own_stays() -> None:
    assert opened({**NOISE, "seed": 1}).curve() != opened({**NOISE, "seed": 2}).curve()
    changed = opened(SUM).model_copy(update={"seed": 2})
    assert changed.curve().rate(50) != opened(SUM).curve().rate(50)
    fixed = {"shape": "sum", "of": [SINE, {**NOISE, "seed": 9}]}
    assert opened({**fixed, "seed": 1}).curve() == opened({**fixed, "seed": 2}).curve()


def test_two_noises_of_one_load_differ() -> None:
    one, other = opened({"shape": "sum", "of": [NOISE, NOISE]}).curve().parts  # type: ignore[attr-defined]
    assert one != other


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
@given(factor=st.floats(0.2, 2))
def test_another_highest_rate_and_another_duration_are_what_was_asked_for(
    document: dict[str, Any], factor: float
) -> None:
    load = opened(document)
    assert load.changed(highest_rps=factor * 50 + 61).highest_rps == pytest.approx(factor * 50 + 61)
    longer = load.changed(duration_s=(1 + factor) * load.duration_s)
    assert longer.duration_s == pytest.approx((1 + factor) * load.duration_s)


def test_combinations_are_scaled_as_a_whole_and_stretched_alike() -> None:
    load = opened(THEN)
    scaled, longer = load.changed(highest_rps=load.highest_rps / 2), load.changed(duration_s=180)
    for t_s in (3, 31, 77):
        assert scaled.curve().rate(t_s) == pytest.approx(load.curve().rate(t_s) / 2)
    assert longer.model_dump()["of"][0]["duration_s"] == 60
    halved = opened(PRODUCT).changed(highest_rps=opened(PRODUCT).highest_rps / 2)
    assert halved.model_dump()["of"][0] == 0.25


def test_a_simple_shape_keeps_its_low_rate() -> None:
    assert opened(RAMP).changed(highest_rps=80).model_dump()["low_rps"] == 5
    assert opened(RAMP).changed(highest_rps=3, low_rps=2).curve().rate(0) == 2


def test_a_trace_is_replayed_and_scaled(trace: str) -> None:
    load = opened({"shape": "trace", "file": trace, "speed": 6, "peak_rps": 60})
    assert (load.duration_s, load.highest_rps) == (30, 60)
    assert load.curve().rate(5) == pytest.approx(20)
    assert load.changed(duration_s=10).duration_s == pytest.approx(10)
    assert load.changed(highest_rps=90).curve().rate(5) == pytest.approx(30)
    assert opened({"shape": "trace", "file": trace}).highest_rps == 5


def test_a_relative_trace_is_looked_for_in_the_working_directory(trace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(trace).parent)
    assert opened({"shape": "trace", "file": "trace.csv"}).duration_s == 180


def test_and_in_the_project_s_root(trace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "ROOT", Path(trace).parent)
    assert opened({"shape": "trace", "file": "trace.csv"}).duration_s == 180


def test_a_closed_load_has_users() -> None:
    load = parse_load({"mode": "closed", "users": 5, "think_s": 0.5, "duration_s": 20, "integral_share": 1, "seed": 2})
    assert isinstance(load, ClosedLoad)
    assert (load.users, load.think_s, load.duration_s, load.shape) == (5, 0.5, 20, "closed")
    assert parse_load(load.model_dump()) == load
    assert load.changed(duration_s=9).duration_s == 9
    with pytest.raises(LoadError, match=r"^highest_rps: a closed-loop load has none$"):
        load.changed(highest_rps=9)


def test_integrals_have_as_many_steps_as_the_application_takes() -> None:
    for steps in (STEP_COUNTS[0], STEP_COUNTS[-1]):
        assert opened({**RAMP, "integral_steps": steps}).integral_steps == steps
    for steps in (STEP_COUNTS[0] - 1, STEP_COUNTS[-1] + 1):
        with pytest.raises(LoadError, match="integral_steps"):
            parse_load({**RAMP, "integral_steps": steps})


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({**RAMP, "low_rps": -1}, "low_rps: -1: Input should be greater than or equal to 0"),
        ({**RAMP, "peak_rps": 2000}, "peak_rps: 2000: Input should be less than or equal to 1000"),
        ({**RAMP, "low_rps": 60}, "low_rps 60 is above peak_rps 50"),
        ({**RAMP, "duration_s": 4000}, "duration_s: 4000: Input should be less than or equal to 3600"),
        ({**RAMP, "high_rps": 1}, "high_rps: 1: Extra inputs are not permitted"),
        ({**RAMP, "seed": 2**32}, "seed: 4294967296: Input should be less than or equal to 4294967295"),
        ({**RAMP, "arrivals": "odd"}, "arrivals: 'odd': Input should be 'even' or 'poisson'"),
        ({**NOISE, "spread_rps": 11}, "spread_rps 11 is above mean_rps 10"),
        ({"shape": "double_wave", "second_rps": 200}, "second_rps 200 is above peak_rps 100"),
        ({"shape": "spike", "before_s": 200}, "before_s 200 is above duration_s 120"),
        ({"shape": "sum", "of": [SINE, {**RAMP, "low_rps": -1}]},
         "of[1].low_rps: -1: Input should be greater than or equal to 0"),
        ({"shape": "sum", "of": [SINE, 2]}, "of: 2 is no shape; a number is legal in a product only"),
        ({"shape": "product", "of": [3, 2]}, "of: a product needs at least one shape"),
        ({"shape": "product", "of": [RAMP, 0]}, "of[1]: 0: Input should be greater than 0"),
        ({"shape": "product", "of": [RAMP, RAMP]}, "the load goes up to 2500 requests/s; at most 1000 are legal"),
        ({"shape": "then", "of": [{**RAMP, "duration_s": 3600}, RAMP]},
         "the load lasts 3630 s; at most 3600 s are legal"),
        ({**RAMP, "duration_s": 0.01},
         "the load is too short or too low for a single request: raise its rate or duration"),
        ({"shape": "trace", "file": "none.csv"}, "none.csv: No such file or directory"),
        ({"mode": "closed", "users": 0}, "users: 0: Input should be greater than or equal to 1"),
        ({"mode": "closed", "shape": "ramp"}, "shape: 'ramp': Extra inputs are not permitted"),
        ({**RAMP, "spec": RAMP}, "spec: Extra inputs are not permitted"),
        ({"shape": "trace"}, "file: Field required"),
        ({"mode": "close"}, "mode: 'close': Input should be 'closed'"),
        ([], "is no mapping; legal is one such as {shape: constant, rate_rps: 5}"),
    ],
)  # fmt: skip
def test_what_is_not_legal_is_one_line_with_place_and_value(document: Any, line: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_load(document)
    assert str(caught.value) == line


@pytest.mark.parametrize("document", [{"shape": "saw"}, {}, {"shape": "sum", "of": [{"shape": "saw"}, {}]}])
def test_unknown_and_missing_shapes_are_told_with_the_known_ones(document: dict[str, Any]) -> None:
    with pytest.raises(LoadError, match=r"('saw' is no shape|the shape is missing); legal are constant, ramp, step"):
        parse_load(document)


def test_a_load_is_read_from_yaml_and_json(tmp_path: Path) -> None:
    path = tmp_path / "load"
    path.write_text("{shape: ramp, low_rps: 5, peak_rps: 50, duration_s: 30}")
    assert isinstance(opened(RAMP).curve(), PiecewiseLinear)
    assert read_load(path) == parse_load(RAMP)
    path.write_text('{"shape": "ramp", "low_rps": 5, "peak_rps": 50, "duration_s": 30}')
    assert read_load(path) == parse_load(RAMP)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{shape: saw}", "'saw' is no shape"), ("{shape: [", "not YAML"), ("", "is no mapping"), (None, "No such file"),
        (101 * "{a: " + 101 * "}", "more than 100"), ("{shape: &a ramp, x: *a}", "aliases are not"),
        ("- " * 5000, "nested too deeply"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_load_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "load.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LoadError) as caught:
        read_load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
