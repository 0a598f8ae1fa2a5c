"""Options made of the fields of documents."""

from argparse import Namespace
from pathlib import Path
from typing import Any, get_args

import pytest

from loadgen.combined import AnySpec
from loadgen.forms import Form, closed_form, given_form, shape_form
from loadgen.load import ClosedLoad, OpenLoad, parse_load
from loadgen.options import OptionError
from loadgen.recorded import Trace
from loadgen.sending import Sending
from loadgen.specs import Ramp, Simple, Spec, Step
from tests.loadgen.locusts import FOLDER

SIMPLE: list[type[Simple]] = [spec for spec in get_args(get_args(AnySpec)[0]) if issubclass(spec, Simple)]


def namespace(form: Form, **given: Any) -> Namespace:
    """What Locust's parser makes when these options are given."""
    defaults = {option.dest: option.default for option in form.options}
    return Namespace(**{**defaults, **given})


def name_of(spec: type[Spec]) -> str:
    return str(spec.model_fields["shape"].default)


@pytest.mark.parametrize("spec", [*SIMPLE, Trace], ids=name_of)
def test_each_shape_has_a_locust_file_with_its_fields(spec: type[Spec]) -> None:
    text = (FOLDER / f"{name_of(spec)}.py").read_text()
    assert f"form = shape_form({spec.__name__})" in text
    fields = {option.field for option in shape_form(spec).load_options}
    assert fields == (set(spec.model_fields) | set(OpenLoad.model_fields)) - {"shape", "spec"}


@pytest.mark.parametrize("spec", SIMPLE, ids=name_of)
def test_the_defaults_of_the_options_are_those_of_the_document(spec: type[Spec]) -> None:
    form = shape_form(spec)
    assert form.load(namespace(form)) == parse_load({"shape": name_of(spec)})
    assert form.sending(namespace(form)) == Sending()


@pytest.mark.parametrize("form", [shape_form(Trace), closed_form(), given_form(), *map(shape_form, iter(SIMPLE))])
def test_no_two_options_have_one_name_and_each_tells_what_is_legal(form: Form) -> None:
    assert len({option.flag for option in form.options}) == len(form.options)
    assert len({option.env_var for option in form.options}) == len(form.options)
    for option in form.options:
        assert f"legal: {option.legal}; default: " in option.help


def test_names_of_options_are_those_of_fields_without_their_units() -> None:
    flags = {option.field: option.flag for option in shape_form(Step).options}
    assert flags == {
        "duration_s": "--duration", "low_rps": "--low", "high_rps": "--high", "before_s": "--before",
        "high_s": "--high-s", "seed": "--seed", "integral_share": "--integral-share",
        "integral_steps": "--integral-steps", "arrivals": "--arrivals", "max_in_flight": "--max-in-flight",
        "request_timeout_s": "--request-timeout", "requests_csv": "--requests-csv",
    }  # fmt: skip
    assert {option.env_var for option in shape_form(Ramp).options} >= {"LOADGEN_PEAK", "LOADGEN_REQUESTS_CSV"}


def test_legal_values_are_told_in_words() -> None:
    legal = {option.field: option.legal for form in (shape_form(Ramp), closed_form()) for option in form.options}
    assert legal["low_rps"] == "a number from 0 to 1000 requests/s"
    assert legal["peak_rps"] == "a number above 0 and up to 1000 requests/s"
    assert legal["seed"] == "an integer from 0 to 4294967295"
    assert legal["arrivals"] == "even or poisson"
    assert legal["integral_share"] == "a number from 0 to 1"
    assert legal["users"] == "an integer from 1 to 1000"
    assert legal["requests_csv"] == "a path"


def test_what_is_given_makes_the_load() -> None:
    form = shape_form(Step)
    given = namespace(form, low="2", high="30", high_s="4", seed="7", arrivals="poisson", requests_csv="r.csv")
    assert form.load(given) == parse_load(
        {"shape": "step", "low_rps": 2, "high_rps": 30, "high_s": 4, "seed": 7, "arrivals": "poisson"}
    )
    assert form.sending(given).requests_csv == Path("r.csv")


def test_an_empty_field_of_the_web_form_is_not_given() -> None:
    form = shape_form(Step)
    assert form.load(namespace(form, high_s="", low="")) == parse_load({"shape": "step"})
    assert form.sending(namespace(form, requests_csv="")).requests_csv is None


def test_users_are_locust_s_own_option() -> None:
    form = closed_form()
    given = namespace(form, num_users=None)
    form.set_defaults(given)
    assert given.num_users == 10
    assert form.load(namespace(form, num_users=3, think="0.5")) == ClosedLoad(users=3, think_s=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": "much"}, "--low 'much' is not legal: a number from 0 to 1000 requests/s is"),
        ({"low": "nan"}, "--low 'nan' is not legal: a number from 0 to 1000 requests/s is"),
        ({"peak": "0"}, "--peak '0' is not legal: a number above 0 and up to 1000 requests/s is"),
        ({"seed": "1.5"}, "--seed '1.5' is not legal: an integer from 0 to 4294967295 is"),
        ({"arrivals": "odd"}, "--arrivals 'odd' is not legal: even or poisson is"),
        ({"low": "20", "peak": "10"}, "--low 20 is above --peak 10"),
        ({"duration": "0.01"}, "the load is too short or too low for a single request: raise its rate or duration"),
    ],
)
def test_what_is_not_legal_is_told_in_terms_of_the_options(options: dict[str, str], message: str) -> None:
    form = shape_form(Ramp)
    with pytest.raises(OptionError) as caught:
        form.load(namespace(form, **options))
    assert str(caught.value) == message


def test_bounds_of_sending_are_told_too() -> None:
    form = shape_form(Ramp)
    with pytest.raises(OptionError, match=r"^--max-in-flight '0' is not legal: an integer from 1 to 5000 is$"):
        form.sending(namespace(form, max_in_flight="0"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    form = shape_form(Trace)
    with pytest.raises(OptionError, match=r"^--file is missing: a path is legal$"):
        form.load(namespace(form))
    form = given_form()
    with pytest.raises(OptionError, match=r"^--load is missing: a path is legal$"):
        form.load(namespace(form))
    with pytest.raises(OptionError, match="No such file"):
        form.load(namespace(form, load=str(tmp_path / "none")))
