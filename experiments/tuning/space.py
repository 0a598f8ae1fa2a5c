"""What of a policy file may be changed, and from where to where: the options of its policy and its limits, around the
values that are given, within what is legal."""

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from controller.config import PolicyFile
from controller.policies import POLICIES
from controller.policies.rules import Then
from experiments.told import Told

SPREAD = 3.0  # from a third of the given value to three times as much
DIGITS = 3  # of the values that are tried
BOUNDS = ("minimum", "maximum")  # of the fleet: they are the task, not the policy
STEP = re.compile(r"(\d+)(%?)")
NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?|-?\.[0-9]+)"
RANGE = re.compile(rf"{NUMBER}\.\.{NUMBER}")

Place = tuple[str | int, ...]


class SpaceError(Told):
    """There is nothing to search, or not there; the message is one line."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number in the file, searched from `low` to `high`; a `suffix` makes it a text, as in `25%`."""

    path: Place
    value: float
    low: float
    high: float
    whole: bool
    suffix: str = ""

    @property
    def is_log(self) -> bool:
        return self.low > 0

    def written(self, value: float) -> Any:
        """As it stands in the file: numbers with as many digits as a person would give."""
        if self.whole:
            return f"{round(value)}{self.suffix}" if self.suffix else round(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Choice:
    """A word in the file, one of these."""

    path: Place
    value: str
    words: tuple[str, ...]


Parameter = Number | Choice


def name_of(path: Place) -> str:
    """policy.rules[0].when.above"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def space_of(settings: PolicyFile, free: Mapping[str, str]) -> list[Parameter]:
    """The parameters that are searched: the numbers of the policy and its limits that are not 0, and what is `free`
    besides (key of the file, or its end, to a range `LOW..HIGH` or ""). Raises SpaceError."""
    document = document_of(settings)
    found = {name_of(each.path): each for each in _every(settings)}
    chosen = {name: each for name, each in found.items() if _is_free(each)}
    for key, span in free.items():
        name = _named(key, found)
        chosen[name] = _ranged(key, found[name], span)
    usable = [each for each in chosen.values() if _fits(document, each)]
    if not usable:
        raise SpaceError("there is no number in the policy to search for; name one by --free")
    return usable


def document_of(settings: PolicyFile) -> dict[str, Any]:
    """The file in force as a document, its policy as it was given."""
    return settings.model_dump(mode="json")


def placed(document: Mapping[str, Any], values: Mapping[Place, Any]) -> dict[str, Any]:
    """The document with other values at these places."""
    changed = copy.deepcopy(dict(document))
    for path, value in values.items():
        place: Any = changed
        for part in path[:-1]:
            place = place[part] if isinstance(part, int) else place.setdefault(part, {})
        place[path[-1]] = value
    return changed


def checked(document: Mapping[str, Any]) -> PolicyFile:
    """The settings of a document. Raises ValidationError, also for what the policy refuses."""
    settings = PolicyFile.model_validate(document)
    settings.make_policy()
    return settings


def _every(settings: PolicyFile) -> Iterator[Parameter]:
    """All numbers and words of the file, those of the policy with their defaults."""
    yield from _within(settings, ())
    name = settings.policy_name
    config = POLICIES[name].Config.model_validate(settings.policy[name])
    yield from _within(config, ("policy", name))


def _within(model: BaseModel, path: Place) -> Iterator[Parameter]:
    for name, field in type(model).model_fields.items():
        value, place = getattr(model, name), path if name == "root" else (*path, field.alias or name)
        if isinstance(model, Then) and isinstance(value, str):
            yield _step(value, place)
        elif isinstance(value, BaseModel):
            yield from _within(value, place)
        elif isinstance(value, list | tuple):
            for index, each in enumerate(value):
                if isinstance(each, BaseModel):
                    yield from _within(each, (*place, index))
        elif get_origin(field.annotation) is Literal:
            yield Choice(place, str(value), tuple(map(str, get_args(field.annotation))))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield _number(value, place, field)


def _step(text: str, path: Place) -> Number:
    """The amount of a rule."""
    found = STEP.fullmatch(text)
    assert found is not None
    value = int(found[1])
    return Number(path, value, max(1, round(value / SPREAD)), min(9999, value * SPREAD), whole=True, suffix=found[2])


def _number(value: float, path: Place, field: FieldInfo) -> Number:
    whole = isinstance(value, int) and field.annotation in (int, int | None)
    least, most = _legal(field)
    low, high = sorted((value / SPREAD, value * SPREAD))
    low, high = (math.ceil(low - 1e-9), math.floor(high + 1e-9)) if whole else (low, high)
    return Number(path, value, max(low, least), min(high, most), whole)


def _legal(field: FieldInfo) -> tuple[float, float]:
    least, most = -math.inf, math.inf
    for bound in field.metadata:
        match bound:
            case Ge(ge=value) | Gt(gt=value):
                least = float(value) if isinstance(bound, Ge) else math.nextafter(float(value), math.inf)  # type: ignore[arg-type]
            case Le(le=value) | Lt(lt=value):
                most = float(value) if isinstance(bound, Le) else math.nextafter(float(value), -math.inf)  # type: ignore[arg-type]
    return least, most


def _is_free(parameter: Parameter) -> bool:
    """By default: what a policy and its limits are made of, and is not switched off."""
    if isinstance(parameter, Choice) or parameter.path[-1] in BOUNDS:
        return False
    return parameter.path[0] in ("policy", "limits") and parameter.low < parameter.high


def _named(key: str, found: Mapping[str, Parameter]) -> str:
    """The one parameter of that name, or whose name ends so. Raises SpaceError."""
    names = [name for name in found if name == key] or [name for name in found if name.endswith(f".{key}")]
    if len(names) != 1:
        several = f"is {' or '.join(names)}" if names else f"is none of {', '.join(found)}"
        raise SpaceError(f"--free {key}: {several}")
    return names[0]


def _ranged(key: str, parameter: Parameter, span: str) -> Parameter:
    """The parameter with its own range, where one is given. Raises SpaceError."""
    if isinstance(parameter, Choice):
        if span:
            raise SpaceError(f"--free {key}={span}: has no range, it is one of {', '.join(parameter.words)}")
        return parameter
    if not span:
        if parameter.low >= parameter.high:
            raise SpaceError(f"--free {key}: is {parameter.value:g}, which tells no range; give one as {key}=LOW..HIGH")
        return parameter
    ends = RANGE.fullmatch(span)
    if ends is None or not float(ends[1]) < float(ends[2]):
        raise SpaceError(f"--free {key}={span}: is no range; give one as {key}=LOW..HIGH")
    return replace(parameter, low=float(ends[1]), high=float(ends[2]))


def _fits(document: Mapping[str, Any], parameter: Parameter) -> bool:
    """May the option be given here at all? Some belong to one method of a policy only."""
    value = parameter.value if isinstance(parameter, Choice) else parameter.written(parameter.value)
    try:
        checked(placed(document, {parameter.path: value}))
    except ValidationError:
        return False
    return True


def described(parameters: Sequence[Parameter]) -> list[str]:
    """One line a parameter."""
    return [
        f"{name_of(each.path)}: {', '.join(each.words)}" if isinstance(each, Choice)
        else f"{name_of(each.path)}: {each.low:.4g} to {each.high:.4g}{each.suffix}"
        for each in parameters
    ]  # fmt: skip
