"""A policy of your own: any Python class, named in the policy file and loaded with it. As steps.py, in the folder that
the controller is started from:

    class Steps:
        def __init__(self, rate: float = 10, spare: int = 1) -> None:
            self.rate, self.spare = rate, spare

        def decide(self, observation):
            if observation.offered_rps is None:
                return observation.counts.wanted
            return int(observation.offered_rps / self.rate) + self.spare

`decide` gets a controller.model.Observation at each tick and returns a number of instances, or a
controller.model.Decision with a reason. Options are given by keyword; where the class has a pydantic model `Config`,
they are checked by it and the class is made with the result. `describe`, if there is one, returns lines for `--check`.
Modules are looked up as Python does: in the folder that the controller is started from, then in PYTHONPATH, which
sudo drops: give it by `sudo env PYTHONPATH=FOLDER python -m controller ...`. The class is made once on trial when the
file is checked. It runs with the controller's rights, root's: name only what you trust.

When `decide` raises, or returns anything else, the fleet is held, and the reason says so at each tick.

Example:

    policy:
      python: {class: steps.Steps, options: {rate: 7}}
"""

import importlib
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from controller.model import Decision, Observation
from controller.policies.base import Strict
from controller.spelling import keys_at, unknown


class PythonConfig(Strict):
    """Options under `python:`."""

    class_: str = Field(alias="class", max_length=200)
    """Its module and name, as `steps.Steps`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Given to it by keyword, or checked by its `Config`."""

    @field_validator("class_")
    @classmethod
    def _loads(cls, name: str) -> str:
        load(name)
        return name

    @model_validator(mode="after")
    def _is_made_of_its_options(self) -> "PythonConfig":
        self.make()
        return self

    def make(self) -> Any:
        """A new policy of the class. Raises ValueError when it refuses its options."""
        kind = load(self.class_)
        own = getattr(kind, "Config", None)
        model = own if isinstance(own, type) and issubclass(own, BaseModel) else None
        try:
            return kind(**self.options) if model is None else kind(model.model_validate(self.options))
        except ValidationError as error:
            raise ValueError(f"{self.class_} refuses its options: {_first(error, model)}") from error
        except Exception as error:
            raise ValueError(f"{self.class_} refuses its options: {_words(error)}") from error


class Python:
    """The policy `python`."""

    Config = PythonConfig

    def __init__(self, config: PythonConfig) -> None:
        self._name = config.class_
        self._policy = config.make()

    def describe(self) -> list[str]:
        own: Callable[[], Any] | None = getattr(self._policy, "describe", None)
        if not callable(own):
            return [self._name]
        try:
            lines = own()
        except Exception as error:
            return [self._name, f"its describe failed: {_words(error)}"]
        return [self._name, *([lines] if isinstance(lines, str) else map(str, lines))]

    def decide(self, observation: Observation) -> Decision:
        try:
            return self._checked(self._policy.decide(observation))
        except Exception as error:
            return Decision(observation.counts.wanted, f"held, {self._name} failed: {_words(error)}{_place(error)}")

    def _checked(self, answer: Any) -> Decision:
        """What the class returned, as a decision."""
        made = answer if isinstance(answer, Decision) else None
        wanted = answer if made is None else made.wanted
        if isinstance(wanted, bool) or not hasattr(wanted, "__index__"):
            raise TypeError(f"decide returned {_short(repr(answer))}, must be a whole number or a Decision")
        number = operator.index(wanted)
        if number < 0:
            raise ValueError(f"decide returned {number}, must be 0 or more")
        if made is None:
            return Decision(number, f"{self._name} wants {number}")
        return Decision(number, str(made.reason), tuple(map(str, made.considered)))


def load(name: str) -> type[Any]:
    """The class of a dotted name. Raises ValueError in one line when there is none that can be a policy."""
    module_name, _, class_name = name.rpartition(".")
    if not all(part.isidentifier() for part in name.split(".")) or not module_name:
        raise ValueError("must name a module and a class in it, as in steps.Steps")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise ValueError(f"there is no module {error.name} here or in PYTHONPATH") from error
        raise ValueError(f"module {module_name} cannot be loaded: {_words(error)}") from error
    except Exception as error:
        raise ValueError(f"module {module_name} cannot be loaded: {_words(error)}{_place(error)}") from error
    kind = getattr(module, class_name, None)
    if not isinstance(kind, type):
        raise ValueError(f"module {module_name} has no class {class_name}{_others(module)}")
    if not callable(getattr(kind, "decide", None)):
        raise ValueError(f"class {class_name} has no method decide(observation)")
    return kind


def _others(module: Any) -> str:
    """The policies that a module does have."""
    kinds = [name for name, value in vars(module).items() if isinstance(value, type) and hasattr(value, "decide")]
    return f"; it has {', '.join(kinds)}" if kinds else ""


def _first(error: ValidationError, model: type[BaseModel] | None) -> str:
    """What a `Config` refuses: place, and what is legal. A key that is not known explains best what else is wrong."""
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    place, message = ".".join(str(part) for part in first["loc"]), first["msg"]
    if first["type"] == "extra_forbidden":
        *inner, key = first["loc"]
        message = unknown(str(key), keys_at(model, inner) if model else [])
    return _short(f"{place}: {message}" if place else message)


def _words(error: Exception) -> str:
    return _short(f"{type(error).__name__}: {error}")


def _place(error: Exception) -> str:
    """Where in the user's code it was raised, as in ` (steps.py line 7)`."""
    place, trace = "", error.__traceback__
    while trace is not None and not isinstance(error, SyntaxError):  # which says it itself
        file = trace.tb_frame.f_code.co_filename
        if file != __file__ and not file.startswith("<"):
            place = f" ({Path(file).name} line {trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else f"{text[:117]}..."
