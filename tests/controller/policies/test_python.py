"""The policy `python`: a user's class by its name."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controller.model import Decision
from controller.policies.python import Python, PythonConfig
from tests.controller.build import observed
from tests.controller.policies.documented import code, section

MODULE = """
from pydantic import BaseModel, ConfigDict, Field
from controller.model import Decision

class Steps:
    def __init__(self, rate: float = 10, spare: int = 1) -> None:
        if rate <= 0:
            raise ValueError(f"rate {rate} must be above 0")
        self.rate, self.spare = rate, spare

    def decide(self, observation):
        if observation.offered_rps is None:
            return observation.counts.wanted
        return int(observation.offered_rps / self.rate) + self.spare

class Checked:
    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid")
        rate: float = Field(default=10, gt=0)

    def __init__(self, config):
        self.config = config

    def decide(self, observation):
        return Decision(4, f"at {self.config.rate:g}/s each", ("3 are too few",))

    def describe(self):
        return ["four", "always four"]

class Odd:
    def __init__(self, answer):
        self.answer = answer

    def decide(self, observation):
        return self.answer

class Broken:
    def decide(self, observation):
        return 1 / 0

    def describe(self):
        return 1 / 0

class Idle:
    pass

number = 5
"""
Make = Callable[..., Python]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Writes a module of the user's; returns the name under which it is found."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return make


@pytest.fixture
def own(write: Callable[[str, str], str]) -> Make:
    write("own_policies", MODULE)

    def make(name: str, **options: Any) -> Python:
        return Python(PythonConfig.model_validate({"class": f"own_policies.{name}", "options": options}))

    return make


def refusal(document: dict[str, Any]) -> str:
    """The one line that says what is wrong."""
    with pytest.raises(ValidationError) as raised:
        PythonConfig.model_validate(document)
    (error,) = raised.value.errors()
    message = str(error["ctx"]["error"]) if "ctx" in error else error["msg"]
    assert "\n" not in message
    return message


def test_number_of_the_class_is_the_decision(own: Make) -> None:
    decision = own("Steps", rate=7).decide(observed(0, 2, offered_rps=50.0))
    assert (decision.wanted, decision.reason) == (8, "own_policies.Steps wants 8")


def test_class_sees_the_observation(own: Make) -> None:
    assert own("Steps").decide(observed(0, 6, offered_rps=None)).wanted == 6


def test_options_of_a_model_are_checked_by_it(own: Make) -> None:
    decision = own("Checked", rate=7).decide(observed(0))
    assert decision == Decision(4, "at 7/s each", ("3 are too few",))


def test_example_of_the_documentation_works(write: Callable[[str, str], str]) -> None:
    (text,) = code(section("python"), "python")
    write("steps", text)
    policy = Python(PythonConfig.model_validate({"class": "steps.Steps", "options": {"rate": 7}}))
    assert policy.decide(observed(0, 2, offered_rps=50.0)).wanted == 8


@pytest.mark.usefixtures("own")
def test_two_policies_of_one_configuration_share_nothing() -> None:
    config = PythonConfig.model_validate({"class": "own_policies.Steps"})
    one, other = Python(config), Python(config)
    assert one._policy is not other._policy


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.Steps", "there is no module nowhere here or in PYTHONPATH"),
        ("controller.nowhere.Steps", "there is no module controller.nowhere here or in PYTHONPATH"),
        ("own_policies.Stepps", "module own_policies has no class Stepps; it has Steps, Checked, Odd, Broken"),
        ("own_policies.number", "module own_policies has no class number; it has Steps, Checked, Odd, Broken"),
        ("own_policies.Idle", "class Idle has no method decide(observation)"),
        ("math.Steps", "module math has no class Steps"),
        ("Steps", "must name a module and a class in it, as in steps.Steps"),
        ("own policies.Steps", "must name a module and a class in it, as in steps.Steps"),
        ("..Steps", "must name a module and a class in it, as in steps.Steps"),
        ("", "must name a module and a class in it, as in steps.Steps"),
    ],
)
@pytest.mark.usefixtures("own")
def test_name_that_leads_to_no_policy_is_refused(name: str, words: str) -> None:
    assert refusal({"class": name}) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nowhere", "module broken cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1 / 0", "module broken cannot be loaded: ZeroDivisionError: division by zero (broken.py line 1)"),
        ("def f(:", "module broken cannot be loaded: SyntaxError: invalid syntax (broken.py, line 1)"),
    ],
)
def test_module_that_cannot_be_loaded_says_why(write: Callable[[str, str], str], text: str, words: str) -> None:
    write("broken", text)
    assert refusal({"class": "broken.Steps"}) == words


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("Steps", {"speed": 1},
         "TypeError: Steps.__init__() got an unexpected keyword argument 'speed'"),
        ("Steps", {"rate": -1}, "ValueError: rate -1 must be above 0"),
        ("Checked", {"speed": 1, "rate": -1}, "speed: is not a known key; known are rate"),
        ("Checked", {"rate": -1}, "rate: Input should be greater than 0"),
        ("Odd", {}, "TypeError: Odd.__init__() missing 1 required positional argument: 'answer'"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("own")
def test_options_that_the_class_refuses_are_told(name: str, options: dict[str, Any], words: str) -> None:
    message = refusal({"class": f"own_policies.{name}", "options": options})
    assert message == f"own_policies.{name} refuses its options: {words}"


@pytest.mark.parametrize("document", [{}, {"class": "math.pi", "clas": 1}, {"class": "math.pi", "options": [1]}])
def test_keys_are_checked_too(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PythonConfig.model_validate(document)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (2.5, "TypeError: decide returned 2.5, must be a whole number or a Decision"),
        (None, "TypeError: decide returned None, must be a whole number or a Decision"),
        (True, "TypeError: decide returned True, must be a whole number or a Decision"),
        (-1, "ValueError: decide returned -1, must be 0 or more"),
        (Decision(-1, "less"), "ValueError: decide returned -1, must be 0 or more"),
    ],
)
def test_answer_that_is_no_decision_holds_the_fleet(own: Make, answer: Any, words: str) -> None:
    decision = own("Odd", answer=answer).decide(observed(0, 6))
    assert (decision.wanted, decision.reason) == (6, f"held, own_policies.Odd failed: {words}")


def test_whole_numbers_of_other_libraries_are_numbers(own: Make) -> None:
    numpy = pytest.importorskip("numpy")
    decision = own("Odd", answer=numpy.int64(4)).decide(observed(0, 6))
    assert decision.wanted == 4
    assert type(decision.wanted) is int


def test_class_that_fails_holds_the_fleet_and_says_where(own: Make) -> None:
    decision = own("Broken").decide(observed(0, 6))
    assert decision.wanted == 6
    line = MODULE.splitlines().index("        return 1 / 0") + 1
    assert decision.reason == (
        f"held, own_policies.Broken failed: ZeroDivisionError: division by zero (own_policies.py line {line})"
    )


def test_policy_describes_itself_in_words(own: Make) -> None:
    assert own("Steps").describe() == ["own_policies.Steps"]
    assert own("Checked").describe() == ["own_policies.Checked", "four", "always four"]
    assert own("Broken").describe() == [
        "own_policies.Broken", "its describe failed: ZeroDivisionError: division by zero"
    ]  # fmt: skip
