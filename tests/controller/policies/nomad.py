"""Builders for the tests of the policy `nomad`."""

from typing import Any

from controller.model import Decision
from controller.policies.nomad import Nomad, NomadConfig
from tests.controller.build import observed


def check(name: str = "a", **options: Any) -> dict[str, Any]:
    """A check of the CPU by one strategy, given as `target_value={...}` and so on."""
    kinds = ("target_value", "threshold", "fixed_value", "pass_through")
    strategy = {kind: options.pop(kind) for kind in kinds if kind in options}
    return {"name": name, "strategy": strategy, "query_window_s": 10.0, **options}


def nomad(*checks: dict[str, Any], **options: Any) -> Nomad:
    quick = {"evaluation_interval_s": 1.0, "cooldown_s": 0.0}
    return Nomad(NomadConfig.model_validate(quick | {"checks": list(checks)} | options))


def evaluated(policy: Nomad, wanted: int, *points: float | None, from_s: int = 0) -> Decision:
    """The decision after these points of the CPU, one a second."""
    decisions = [policy.decide(observed(t_s, wanted, cpu_percent=cpu)) for t_s, cpu in enumerate(points, from_s)]
    return decisions[-1]


def below(upper: float, delta: int = -1, **options: Any) -> dict[str, Any]:
    return {"threshold": {"upper_bound": upper, "delta": delta, "within_bounds_trigger": 1}, **options}


def above(lower: float, delta: int = 1, **options: Any) -> dict[str, Any]:
    return {"threshold": {"lower_bound": lower, "delta": delta, "within_bounds_trigger": 1}, **options}
