"""The nouns of the controller. Frozen values, units in the names; the core decides with nothing else.

`None` in an observation means "not known", never zero: missing data must not look like an idle service.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Phase(StrEnum):
    """An instance's life: BOOTING → STANDBY → IN_SERVICE → DRAINING → STOPPING → gone; FAILED from anywhere."""

    BOOTING = "BOOTING"
    STANDBY = "STANDBY"
    IN_SERVICE = "IN_SERVICE"
    DRAINING = "DRAINING"
    STOPPING = "STOPPING"
    FAILED = "FAILED"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Instance:
    """One container that runs the web application. `slot` fixes its address; `since_s` is when it entered its phase."""

    slot: int
    name: str
    phase: Phase
    ordered_s: float
    since_s: float
    spare: bool = False  # ordered for the pool: boots with little CPU
    idle: bool = False  # DRAINING and nothing is in flight any more
    chosen_s: float | None = None  # when it was promoted from the pool
    frozen: bool = False  # on STANDBY: uses no CPU until it is promoted
    stop_from_s: float = 0.0  # a stop that failed is tried again from then on
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many instances are in each phase, and how many in-service instances are wanted."""

    wanted: int = 0
    booting: int = 0
    standby: int = 0
    in_service: int = 0
    draining: int = 0

    @property
    def ordered(self) -> int:
        """Instances that serve or are on their way to it: the capacity that past decisions already paid for."""
        return max(self.in_service, self.wanted)


class Sample(NamedTuple):
    """One instance at one tick; times are on the observation's axis, `cpu_percent` is of one core."""

    name: str
    phase: Phase
    ordered_s: float
    since_s: float  # when it entered its phase
    cpu_percent: float | None = None
    in_flight_requests: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen at one tick. Rates are requests per second over the last rate window, latencies milliseconds."""

    t_s: float
    counts: Counts = Counts()
    offered_rps: float | None = None
    served_rps: float | None = None
    rejected_rps: float | None = None
    failed_rps: float | None = None
    queue_requests: int | None = None
    in_flight_requests: int | None = None
    latency_ms_p50: float | None = None
    latency_ms_p95: float | None = None
    latency_ms_p99: float | None = None
    cpu_percent: float | None = None  # mean of the instances in service, of one core each
    instances: Sequence[Sample] = ()
    missing: str = ""  # why there are no statistics, empty when there are

    @property
    def rate_per_instance(self) -> float | None:
        """Offered requests per second and instance, over the instances that serve or are on their way."""
        return _share(self.offered_rps, self.counts.ordered)

    @property
    def in_flight_per_instance(self) -> float | None:
        """Requests in flight (in HAProxy's queue or at an instance) per instance that serves or is on its way."""
        return _share(self.in_flight_requests, self.counts.ordered)


def _share(amount: float | None, instances: int) -> float | None:
    """Without instances any load is infinitely too much for each, so that rules leave zero."""
    if amount is None or instances:
        return None if amount is None else amount / instances
    return math.inf if amount else 0.0


METRICS = (
    "rate_per_instance", "offered_rps", "served_rps", "rejected_rps", "failed_rps",
    "queue_requests", "in_flight_requests", "in_flight_per_instance",
    "latency_ms_p50", "latency_ms_p95", "latency_ms_p99", "cpu_percent",
)  # fmt: skip


def metric(observation: Observation, name: str) -> float | None:
    """The value of one of METRICS, or None where it is not known."""
    value = getattr(observation, name)
    return None if value is None else float(value)


@dataclass(frozen=True, slots=True)
class Decision:
    """How many in-service instances are wanted, and why, in words that a person understands; `considered` are the
    other candidates, one sentence each."""

    wanted: int
    reason: str
    considered: tuple[str, ...] = ()
