"""The outside world as the loop sees it. The live host and the simulator are two implementations of the same ports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from controller.actions import Action
from controller.model import Counts, Instance, Observation
from controller.spelling import plain

BootWay = Literal["plain", "exec", "zygote"]  # the ways to start an instance


LONGEST_MESSAGE = 1000  # characters


class ControllerError(Exception):
    """Something that the user should read in one line; only the command line prints it and exits."""

    def __init__(self, message: str) -> None:
        words = plain(message)
        super().__init__(words if len(words) <= LONGEST_MESSAGE else f"{words[: LONGEST_MESSAGE - 3]}...")


@dataclass(frozen=True, slots=True)
class Booted:
    """The instance answered its health check."""

    name: str
    timings_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The instance did not boot, or died."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Applied:
    """The balancer serves the members of this Apply action; `how` it was done: start, reload, runtime or none."""

    action: Action
    took_ms: float
    how: str = "reload"


@dataclass(frozen=True, slots=True)
class ApplyFailed:
    """The balancer refused the change and serves what it served before."""

    reason: str


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing is in flight at the instance, or the wait was given up (`reason` says so)."""

    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The instance and all that belonged to it is gone."""

    name: str
    took_ms: float


@dataclass(frozen=True, slots=True)
class ReturnFailed:
    """The balancer did not take a draining instance back; what it serves is to be applied anew."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class StopFailed:
    """Something of the instance is still there."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The instance's first answer to a client through the balancer was seen."""

    name: str
    at_s: float


@dataclass(frozen=True, slots=True)
class BalancerLost:
    """The balancer has ended, or was ended."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something is wrong that no instance is to blame for; it is told, and nothing follows from it."""

    message: str


Event = (
    Booted | Failed | Applied | ApplyFailed | Drained | Stopped | StopFailed | ReturnFailed | FirstAnswer | BalancerLost
    | Trouble
)  # fmt: skip


class Sensor(Protocol):
    """Where observations come from; the fleet tells what it knows of itself."""

    def observe(self, now_s: float, counts: Counts, instances: Sequence[Instance]) -> Observation: ...


class Actuator(Protocol):
    """Carries out actions in the background; what becomes of them comes back to the loop as events."""

    def act(self, actions: Sequence[Action]) -> None: ...


Kind = Literal[
    "start", "tick", "decision", "shadow", "instance", "reload", "apply", "first_answer", "error", "stop"
]  # fmt: skip


class Journal(Protocol):
    """Records one event with its fields."""

    def write(self, t_s: float, event: Kind, **fields: object) -> None: ...
