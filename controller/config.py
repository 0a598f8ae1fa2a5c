"""The policy file's keys, checked, and turned into the values that the loop needs."""

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from controller.fleet import GATHER_S, Fleet
from controller.haproxy_config import HELD_REQUESTS, Waiting
from controller.judge import Judge
from controller.limits import Limiter, Limits
from controller.policies import POLICIES, Policy
from controller.policies.base import Strict
from controller.ports import BootWay
from controller.roster import Victim

HIGHEST = 200  # instances on one host
LEAST_CORES = 0.02


class Instances(Strict):
    """Bounds of the fleet: in-service instances, and healthy ones kept frozen beside them; and who goes first."""

    min: int = Field(default=1, ge=0, le=HIGHEST)
    """[instances] The fewest."""
    max: int = Field(default=20, ge=1, le=HIGHEST)
    """[instances] The most."""
    standby: int = Field(default=0, ge=0, le=50)
    """[instances] So many are kept booted and frozen, out of traffic."""
    victim: Victim = "least_loaded"
    """Who leaves first; least_loaded: among equals the newest."""

    @model_validator(mode="after")
    def _ordered(self) -> "Instances":
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Service(Strict):
    """What each instance runs with: requests per second it accepts (0: no limit), what it does beyond them, and the
    CPU cores that it may use (0: no limit)."""

    rate_limit: int = Field(default=10, ge=0, le=100_000)
    """[requests/s] What one instance accepts; 0: no limit."""
    overload: Literal["reject", "queue"] = "reject"
    """What it does beyond that: answer 429, or let requests wait."""
    cpu_cores: float = Field(default=0, ge=0, le=64)
    """[cores] The CPU time that one instance may use, at least 0.02; 0: no limit."""

    @field_validator("cpu_cores")
    @classmethod
    def _enough_to_boot(cls, cores: float) -> float:
        if 0 < cores < LEAST_CORES:
            raise ValueError(f"0 (no limit), or at least {LEAST_CORES:g}, for an instance has to boot with it")
        return cores


class Limit(Strict):
    """What holds for every policy."""

    step_up: int = Field(default=0, ge=0, le=HIGHEST)
    """[instances] The most that is added at once; 0: any number."""
    step_down: int = Field(default=0, ge=0, le=HIGHEST)
    """[instances] The most that is removed at once; 0: any number."""
    cooldown_down_s: float = Field(default=0, ge=0, le=86400)
    """So long after any change nothing is removed."""
    stabilise_down_s: float = Field(default=0, ge=0, le=86400)
    """Down only to the most that was wanted in so long."""


class PolicyFile(Strict):
    """The whole file."""

    instances: Instances = Instances()
    """Bounds of the fleet."""
    tick_s: float = Field(default=0.5, ge=0.05, le=60)
    """After this time it decides again; for production's files the default is 0.25."""
    rate_window_s: float = Field(default=1.0, ge=0.1, le=60)
    """Rates are means over so long."""
    apply: Literal["reload", "runtime"] = "reload"
    """How HAProxy learns of a change: a new configuration, or its admin socket; for production's files the default is
    `runtime`."""
    boot: BootWay = "exec"
    """How instances start; for production's files the default is `zygote`."""
    service: Service = Service()
    """What one instance can do."""
    limits: Limit = Limit()
    """What holds for any policy."""
    time_scale: float = Field(default=1, ge=0.01, le=1000)
    """For the policy time passes so many times faster."""
    policy: dict[str, Any]
    """The policy's name with its options, or `{file: hpa.yaml, metrics: {theirs: ours}}` for a file of production."""

    _notes: tuple[str, ...] = PrivateAttr(default=())
    _metric_names: tuple[str, ...] = PrivateAttr(default=())

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
        """The policy; bounds that its formula uses are the fleet's, unless it has its own. Raises ValidationError."""
        kind, options = POLICIES[self.policy_name], self.policy[self.policy_name]
        if isinstance(options, dict):
            bounds = {"minimum": self.instances.min, "maximum": self.instances.max}
            options = {key: value for key, value in bounds.items() if key in kind.Config.model_fields} | options
        made: Policy = kind(kind.Config.model_validate(options))
        return made

    def make_judge(self, name: str, acts: bool = True) -> Judge:
        """The policy with its limits and its time. One that does not act has no cooldown, for nothing follows from what
        it says. Raises ValidationError."""
        limits = self.make_limits()
        limiter = Limiter(limits if acts else replace(limits, cooldown_down_s=0))
        return Judge(name, self.make_policy(), limiter, self.time_scale)

    def make_limits(self) -> Limits:
        return Limits(minimum=self.instances.min, maximum=self.instances.max, **self.limits.model_dump())

    def with_time_scale(self, factor: float) -> "PolicyFile":
        """The same, with time that passes so many times faster for the policy and its limits."""
        return self.model_copy(update={"time_scale": factor})

    @property
    def notes(self) -> tuple[str, ...]:
        """How a foreign file was read, and what of it is not used; empty for one of ours."""
        return self._notes

    @property
    def metric_names(self) -> tuple[str, ...]:
        """What a foreign file calls its metrics; a word of the user's says what one of them means here."""
        return self._metric_names

    @property
    def waiting(self) -> Waiting:
        """How requests wait in HAProxy: where overload queues, or where there may be no instance at times."""
        queues = self.service.overload == "queue"
        return Waiting(HELD_REQUESTS if queues else 0, for_first=queues or self.instances.min == 0)

    def make_fleet(self, service: str, slots: int) -> Fleet:
        """A fleet of `service` with so many addresses. Where each change costs a reload, instances that are healthy
        at about the same time share one."""
        bounds, gather_s = self.instances, GATHER_S if self.apply == "reload" else 0.0
        return Fleet(service, slots, bounds.min, bounds.standby, bounds.victim, gather_s)
