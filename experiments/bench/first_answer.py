"""From the decision to the first answer through HAProxy, for each way to get an instance into service.

Ways take turns: short controllers one after the other, each growing by a few instances.

Where changes are made at run time, instances pace their requests, and there are always more than they may hold, as when
one scales up: so a new server does not wait for a request. A reload would leave such a queue with the old worker; there
the load is even, and a new server waits for its turn among those that are as idle as it is.
"""

from dataclasses import dataclass
from typing import Any

from experiments.bench.journal import PARTS, growths, scale_ups
from experiments.bench.load import EvenLoad
from experiments.bench.model import Context, Samples, Series
from experiments.testbed import ENTRY, Policy, controller

PACED_RPS, IN_FLIGHT, ENDLESS_RPS = 20, 20, 1000  # the fleet may hold 16 requests
EVEN_RPS, CONNECTIONS = 200, 2
COOLDOWN_S = 0.8  # longer than a boot, so that each instance has its decision to itself
ROUNDS, INSTANCES, STANDBY = 6, 3, 2
FIRST, SERVICE = "decision → first answer", "decision → in service"


@dataclass(frozen=True)
class Way:
    """One way: what it adds to the policy, and how many standbys wait for promotion."""

    name: str
    settings: dict[str, Any]
    standby: int = 0

    @property
    def paced(self) -> bool:
        return bool(self.settings["apply"] == "runtime")

    def load(self) -> EvenLoad:
        return EvenLoad(ENTRY, ENDLESS_RPS, IN_FLIGHT) if self.paced else EvenLoad(ENTRY, EVEN_RPS, CONNECTIONS)

    def policy(self, growth: int) -> Policy:
        return {
            "instances": {"min": 1, "max": 1 + growth, "standby": self.standby},
            "tick_s": 0.1,
            "service": {"rate_limit": PACED_RPS, "overload": "queue"} if self.paced else {"rate_limit": 1000},
            "policy": {"rules": [_rule()]},
            **self.settings,
        }


def _rule() -> dict[str, Any]:
    when = {"metric": "rate_per_instance", "above": 0.1}
    return {"when": when, "then": {"add": 1}, "cooldown_s": COOLDOWN_S}


WAYS = (
    Way("exec, reload", {"boot": "exec", "apply": "reload"}),
    Way("exec, runtime", {"boot": "exec", "apply": "runtime"}),
    Way("zygote, reload", {"boot": "zygote", "apply": "reload"}),
    Way("zygote, runtime", {"boot": "zygote", "apply": "runtime"}),
    Way("frozen standby, reload", {"boot": "exec", "apply": "reload"}, STANDBY),
    Way("frozen standby, runtime", {"boot": "exec", "apply": "runtime"}, STANDBY),
)


def run(context: Context) -> list[Series]:
    rounds, growth = (1, 2) if context.quick else (ROUNDS, INSTANCES)
    samples = Samples()
    for number in range(1, rounds + 1):
        for way in WAYS:
            context.say(f"round {number} of {rounds}: {way.name}")
            _measure(context, way, growth, f"{number}-{way.name.replace(', ', '-').replace(' ', '-')}", samples)
    return samples.series(details=PARTS)


def _measure(context: Context, way: Way, growth: int, name: str, samples: Samples) -> None:
    """One controller grows by so many instances."""
    with controller(context.folder / name, way.policy(growth)) as testbed:
        testbed.await_fleet(1, way.standby)

        def grown() -> bool:
            found = scale_ups(testbed.events(), promoted=way.standby > 0)
            return len(found) >= growth and all(each.first_answer_ms is not None for each in found)

        with way.load():
            testbed.await_(grown, f"{growth} instances in service that answer")
        events = testbed.events()
    if len(growths(events)) != growth:
        context.note(f"{way.name}: {len(growths(events))} decisions for {growth} instances; some were replaced")
    for each in scale_ups(events, promoted=way.standby > 0):
        if each.first_answer_ms is not None:
            samples.add(way.name, FIRST, each.first_answer_ms)
        samples.add(way.name, SERVICE, each.in_service_ms)
        for part, value_ms in each.parts_ms.items():
            samples.add(way.name, part, value_ms)
