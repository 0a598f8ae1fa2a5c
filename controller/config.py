"""The policy file: read, checked, and turned into the values that the loop needs.

Every error is one line: file, place, value, and what is legal.
"""

import difflib
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from controller.fleet import GATHER_S, Fleet, Victim
from controller.limits import Limits
from controller.policies import POLICIES, Policy
from controller.policies.base import Strict
from controller.ports import ControllerError

LARGEST_FILE = 100_000


class ConfigError(ControllerError):
    """The policy file cannot be used."""


class Instances(Strict):
    """Bounds of the fleet: in-service instances, and healthy ones kept frozen beside them; and who goes first."""

    min: int = Field(default=1, ge=0, le=200)
    max: int = Field(default=20, ge=1, le=200)
    standby: int = Field(default=0, ge=0, le=50)
    victim: Victim = "least_loaded"

    @model_validator(mode="after")
    def _ordered(self) -> "Instances":
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Service(Strict):
    """What each instance runs with: requests per second it accepts (0: no limit) and what it does beyond them."""

    rate_limit: int = Field(default=10, ge=0, le=100_000)
    overload: Literal["reject", "queue"] = "reject"


class Limit(Strict):
    """What holds for every policy, see controller.limits.Limits."""

    step_up: int = Field(default=0, ge=0, le=200)
    step_down: int = Field(default=0, ge=0, le=200)
    cooldown_down_s: float = Field(default=0, ge=0, le=86400)
    stabilise_down_s: float = Field(default=0, ge=0, le=86400)


class PolicyFile(Strict):
    """The whole file."""

    instances: Instances = Instances()
    tick_s: float = Field(default=0.5, ge=0.05, le=60)
    rate_window_s: float = Field(default=1.0, ge=0.1, le=60)
    apply: Literal["reload", "runtime"] = "reload"
    boot: Literal["exec", "zygote"] = "exec"
    service: Service = Service()
    limits: Limit = Limit()
    policy: dict[str, Any]

    @field_validator("policy")
    @classmethod
    def _one_known(cls, policy: dict[str, Any]) -> dict[str, Any]:
        unknown = [name for name in policy if name not in POLICIES]
        if unknown or len(policy) != 1:
            named = f"{unknown[0]!r} is no policy" if unknown else f"needs exactly one policy, has {len(policy)}"
            raise ValueError(f"{named}; known are {', '.join(POLICIES)}")
        return policy

    @property
    def policy_name(self) -> str:
        return next(iter(self.policy))

    def make_policy(self) -> Policy:
        kind = POLICIES[self.policy_name]
        made: Policy = kind(kind.Config.model_validate(self.policy[self.policy_name]))
        return made

    def make_fleet(self, service: str, slots: int) -> Fleet:
        """A fleet of `service` with so many addresses. Where each change costs a reload, instances that are healthy
        at about the same time share one."""
        bounds, gather_s = self.instances, GATHER_S if self.apply == "reload" else 0.0
        return Fleet(service, slots, bounds.min, bounds.standby, bounds.victim, gather_s)

    def make_limits(self) -> Limits:
        return Limits(minimum=self.instances.min, maximum=self.instances.max, **self.limits.model_dump())


def load(path: Path) -> PolicyFile:
    """Read and check a policy file. Raises ConfigError with one line."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    if len(text) > LARGEST_FILE:
        raise ConfigError(f"{path}: {len(text)} characters are too many for a policy; at most {LARGEST_FILE} are read")
    document = _parse(path, text)
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: must be a mapping with the keys {', '.join(PolicyFile.model_fields)}")
    return _check(path, document)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader that also refuses what a policy needs not: aliases, which can grow without end, and keys that
    are given twice, of which one would be lost silently."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed, write the value out", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            text = str(key.value)
            if text in seen:
                raise yaml.MarkedYAMLError(problem=f"{_short(text)} is given twice", problem_mark=key.start_mark)
            seen.add(text)
        return super().construct_mapping(node, deep)


def _parse(path: Path, text: str) -> Any:
    """The document. YAML's constructors let pass errors of every kind for values that are not what their form says."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {_yaml_words(error)}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply") from error
    except Exception as error:
        raise ConfigError(f"{path}: holds a value that YAML cannot read: {_short(str(error))}") from error


def _check(path: Path, document: dict[str, Any]) -> PolicyFile:
    place: tuple[str, ...] = ()
    try:
        checked = PolicyFile.model_validate(document)
        place = ("policy", checked.policy_name)
        checked.make_policy()
    except ValidationError as error:
        raise ConfigError(f"{path}: {_words(error, place)}") from error
    return checked


def _words(error: ValidationError, place: tuple[str, ...]) -> str:
    """One error in one line: place, value, what is legal. A key that is not known explains best what else is wrong."""
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    location = _location((*place, *first["loc"]))
    message, context = first["msg"], first.get("ctx", {})
    if first["type"] == "extra_forbidden":
        return f"{location}: is not a known key{_suggestion(str(first['loc'][-1]))}"
    if first["type"] == "missing":
        return f"{location}: is missing"
    if first["type"] in ("model_type", "dict_type"):
        return f"{location}: {_value(first['input'])}must be a mapping of keys to values"
    if first["type"] == "value_error":
        message = str(context["error"])
        return f"{location}: {_value(first['input'])}{message}" if location else message
    return f"{location}: {_value(first['input'])}{message[0].lower()}{message[1:]}"


def _value(value: Any) -> str:
    if isinstance(value, int) and abs(value) > 10**100:
        return ""  # Python refuses to write out very long numbers
    return f"{_short(repr(value))}: " if isinstance(value, str | int | float | bool | None) else ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _location(parts: tuple[Any, ...]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return _short(text)


def _suggestion(key: str) -> str:
    """The nearest known key. pydantic does not tell which keys the place has, so all of the file's are candidates."""
    known = {"metric", "above", "below", "for_s", "add", "remove", "when", "then", "cooldown_s"}
    for model in (PolicyFile, Instances, Service, Limit):
        known |= set(model.model_fields)
    near = difflib.get_close_matches(key, sorted(known - {key}), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _yaml_words(error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
