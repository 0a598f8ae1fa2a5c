"""Builders for the tests of the policy `keda`."""

from typing import Any

from controller.model import Decision
from controller.policies.keda import Keda
from controller.policies.keda_config import KedaConfig
from tests.controller.build import observed


def config(*triggers: dict[str, Any], **options: Any) -> KedaConfig:
    return KedaConfig.model_validate({"triggers": list(triggers) or [{"threshold": 10}]} | options)


def keda(*triggers: dict[str, Any], **options: Any) -> Keda:
    """A trigger of 10 requests/s for each instance, if no other is given."""
    return Keda(config(*triggers, **options))


def first(policy: Keda, wanted: int, offered_rps: float | None, **fields: Any) -> Decision:
    return policy.decide(observed(0, wanted, offered_rps=offered_rps, **fields))


def story(policy: Keda, rates: dict[float, float | None], until_s: float, wanted: int = 0) -> dict[float, int]:
    """When the wanted count changed, and to what: looked at each second, with the rate of the last key."""
    changes: dict[float, int] = {}
    for second in range(int(until_s) + 1):
        rate = rates[max(at_s for at_s in rates if at_s <= second)]
        now = policy.decide(observed(second, wanted, offered_rps=rate)).wanted
        if now != wanted:
            changes[second] = wanted = now
    return changes
