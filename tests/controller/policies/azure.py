"""Builders for the tests of the policy `azure`. One grain is one second, unless a test is about time."""

from collections.abc import Iterator
from typing import Any

from controller.model import Decision
from controller.policies.azure import Azure, AzureConfig
from tests.controller.build import observed

QUICK: dict[str, Any] = {"time_grain_s": 1.0, "time_window_s": 1.0, "cooldown_s": 0.0}


def out(above: float, value: int = 1, **options: Any) -> dict[str, Any]:
    return QUICK | {"direction": "increase", "threshold": above, "value": value} | options


def scale_in(below: float, value: int = 1, **options: Any) -> dict[str, Any]:
    return QUICK | {"direction": "decrease", "operator": "less_than", "threshold": below, "value": value} | options


def azure(*rules: dict[str, Any], **options: Any) -> Azure:
    return Azure(AzureConfig.model_validate({"evaluation_interval_s": 1.0, "rules": list(rules)} | options))


def settled(policy: Azure, wanted: int, **seen: Any) -> Decision:
    """What the policy decides once a whole grain has shown the same."""
    policy.decide(observed(0, wanted, **seen))
    return policy.decide(observed(1, wanted, **seen))


def minutes(policy: Azure, cpu: dict[int, float | None], wanted: int = 1) -> Iterator[tuple[float, int]]:
    """Minute by minute with the CPU of the latest key, carried out: (minute, instances) at each change."""
    for minute in range(max(cpu) + 1):
        value = cpu[max(start for start in cpu if start <= minute)]
        decision = policy.decide(observed(60 * minute, wanted, cpu_percent=value))
        if decision.wanted != wanted:
            wanted = decision.wanted
            yield minute, wanted
