"""What a testbed's journal tells of an instance, from a moment on."""

import time
from typing import Any

from tests.host.testbed import Testbed, until

SOON_S = 10.0  # out of service by then: one second is promised, and where only BUSY_S finds a hang it takes 30


def now_s(testbed: Testbed) -> float:
    """On the journal's axis."""
    return time.monotonic() - float(testbed.events("start")[0]["monotonic_s"])


def serving(testbed: Testbed) -> list[str]:
    phases = {event["instance"]: event["phase"] for event in testbed.events("instance")}
    return sorted(name for name, phase in phases.items() if phase == "IN_SERVICE")


def since(testbed: Testbed, begun_s: float, *kinds: str, **fields: Any) -> list[dict[str, Any]]:
    """The events of these kinds from then on that have these fields."""
    wanted = fields.items()
    return [event for event in testbed.events() if event["t_s"] >= begun_s and event["event"] in kinds and
            all(event.get(name) == value for name, value in wanted)]  # fmt: skip


def healed(testbed: Testbed, name: str, begun_s: float, within_s: float = 15.0) -> tuple[float, str]:
    """Wait until another instance serves in its place and it is gone; the seconds until it was out of service, and why
    it was taken out."""
    until(lambda: since(testbed, begun_s, "instance", instance=name, phase="FAILED"), within_s, f"{name} has failed")
    failure = since(testbed, begun_s, "instance", instance=name, phase="FAILED")[0]
    until(lambda: since(testbed, failure["t_s"], "instance", instance=name, phase="GONE"), within_s, f"{name} is gone")
    until(lambda: len(serving(testbed)) == 3, within_s, "another one serves")
    out = since(testbed, failure["t_s"], "apply", "reload")[0]
    return out["t_s"] - begun_s, failure["reason"]
