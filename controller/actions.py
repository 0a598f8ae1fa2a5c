"""What the fleet asks of the host and the balancer. What became of an action comes back as an event, see ports."""

from dataclasses import dataclass
from typing import NamedTuple


class Member(NamedTuple):
    """One server of the balancer's back end: an instance that gets traffic, or one that is draining."""

    name: str
    slot: int
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Clone:
    """Start a new instance; a `spare` one, which only refills the pool, gives way to those that serve."""

    name: str
    slot: int
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Apply:
    """Make the balancer serve exactly these members."""

    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Drain:
    """Send the instance no new request and wait until none is in flight."""

    name: str


@dataclass(frozen=True, slots=True)
class Return:
    """A draining instance takes traffic again."""

    name: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Let the healthy instance use no CPU until it becomes a member."""

    name: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop and remove the instance."""

    name: str


Action = Clone | Apply | Drain | Return | Freeze | Stop
