"""Queueing theory: as many servers as keep the wait within its target, for the arrival rate of the last seconds.

With the arrival rate λ (mean of `window_s`) and the rate μ that one instance serves (`service_rate_rps`), the offered
load is a = λ/μ erlangs. There are two ways to a number of servers c.

`erlang_c`: the least c > a for which at most `share` of the requests wait longer than `wait_ms`.

    B(0) = 1, B(k) = a·B(k-1) / (k + a·B(k-1))      Erlang's loss formula by its exact recursion
    C(c) = B(c) / (1 - (a/c)·(1 - B(c)))            who waits at all: Erlang's delay formula
    P(wait > t) = C(c)·exp(-(cμ - λ)·t)             first come, first served

`square_root`: c = ceil(a + β·√a), the square-root staffing rule with quality of service β (`beta`). For large a a share
of 1 / (1 + β·Φ(β)/φ(β)) waits at all: 50 % for β = 0.5, 22 % for 1, 2.7 % for 2.

Source: A. K. Erlang 1917, as in R. B. Cooper, Introduction to Queueing Theory, 2nd edition 1981, chapter 3; S. Halfin,
W. Whitt, Heavy-traffic limits for queues with many exponential servers, 1981. Both suppose Poisson arrivals, one queue
without bound, and for `erlang_c` exponential service times. Instances that reject what exceeds their rate, or that are
chosen before one is free, wait differently: use `overload: queue`.

Example:

    service: {rate_limit: 10, overload: queue}
    policy:
      queueing: {service_rate_rps: 9.5, wait_ms: 50, share: 0.05}
"""

import math
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from controller.model import Decision, Observation
from controller.policies.base import Strict
from controller.window import Window

MOST_SERVERS = 1000  # beyond what a fleet can have; bounds the time that a decision takes
ROUNDING = 1e-9


class QueueingConfig(Strict):
    """Options under `queueing:`; `wait_ms` and `share` belong to erlang_c, `beta` to square_root."""

    service_rate_rps: float = Field(ge=0.001, le=100_000)
    """μ: what one instance serves."""
    method: Literal["erlang_c", "square_root"] = "erlang_c"
    """How many servers are enough."""
    wait_ms: float = Field(default=100, ge=0, le=3_600_000)
    """For `erlang_c`: the wait that few requests exceed."""
    share: float = Field(default=0.05, gt=0, lt=1)
    """For `erlang_c`: how many requests may wait longer than that."""
    beta: float = Field(default=1, ge=0, le=10)
    """For `square_root`: β, the quality of service."""
    window_s: float = Field(default=10, ge=0.01, le=3600)
    """λ is the mean offered rate of so long."""

    @model_validator(mode="after")
    def _of_one_method(self) -> "QueueingConfig":
        foreign = {"wait_ms", "share"} if self.method == "square_root" else {"beta"}
        given = sorted(foreign & self.model_fields_set)
        if given:
            raise ValueError(f"{given[0]} has no meaning for the method {self.method}")
        return self


class Queueing:
    """The policy `queueing`."""

    Config = QueueingConfig

    def __init__(self, config: QueueingConfig) -> None:
        self._config = config
        self._rates = Window(config.window_s)

    def describe(self) -> list[str]:
        config = self._config
        rate = f"{config.service_rate_rps:g} requests/s each, arrivals over {config.window_s:g} s"
        if config.method == "square_root":
            return [f"the offered load and {config.beta:g} times its square root, at {rate}"]
        return [f"as many instances that at most {100 * config.share:.3g}% of the requests wait longer than "
                f"{config.wait_ms:g} ms, at {rate}"]  # fmt: skip

    def decide(self, observation: Observation) -> Decision:
        if observation.offered_rps is None or observation.missing:
            return Decision(observation.counts.wanted, "the offered rate is not known")
        self._rates.add(observation.t_s, observation.offered_rps)
        arrival_rps = self._rates.sum() / len(self._rates)
        load = arrival_rps / self._config.service_rate_rps
        words = f"{arrival_rps:.3g}/s at {self._config.service_rate_rps:g}/s each are {load:.3g} erlangs"
        if self._config.method == "square_root":
            return self._square_root(load, words)
        return self._erlang_c(load, words)

    def _square_root(self, load: float, words: str) -> Decision:
        spare = self._config.beta * math.sqrt(load)
        wanted = math.ceil(load + spare - ROUNDING)
        return Decision(wanted, f"{words}, and {spare:.3g} to spare: {wanted} wanted")

    def _erlang_c(self, load: float, words: str) -> Decision:
        if load >= MOST_SERVERS:
            return Decision(math.floor(load) + 1, f"{words}, too many to compute waits: just more than these")
        wait_s, service_rps = self._config.wait_ms / 1000, self._config.service_rate_rps
        before: tuple[str, ...] = ()
        for servers, waiting in waiting_shares(load):
            late = waiting * math.exp(-(servers - load) * service_rps * wait_s)
            sentence = f"with {servers}, {100 * late:.3g}% of the requests wait longer than {self._config.wait_ms:g} ms"
            if late <= self._config.share:
                return Decision(servers, f"{words}; {sentence}", before)
            before = (sentence,)
        raise AssertionError("the share falls below any bound")


def waiting_shares(load: float) -> Iterator[tuple[int, float]]:
    """(servers, the share of requests that wait at all) for each number of servers that `load` erlangs leave stable."""
    blocked, servers = 1.0, 0
    if load == 0:
        yield 0, 0.0
    while True:
        servers += 1
        blocked = load * blocked / (servers + load * blocked)
        if servers > load:
            yield servers, blocked / (1 - load / servers * (1 - blocked))
