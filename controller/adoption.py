"""Takes over the instances that an earlier controller left, wherever in their lives they are."""

import logging
from typing import Protocol

from controller.containers import Containers
from controller.fleet import Fleet
from controller.haproxy_sockets import Found
from controller.model import Phase
from controller.ports import ControllerError, Journal

log = logging.getLogger("controller")


class Adopter(Protocol):
    """Who goes on with an instance from its phase."""

    def adopt(self, name: str, slot: int, phase: Phase) -> None: ...


def adopt(containers: Containers, found: Found, fleet: Fleet, host: Adopter, journal: Journal, now_s: float) -> None:
    """What serves goes on serving, what drains drains, what boots is checked, and what is broken is removed. As many
    are wanted as HAProxy had."""
    present = containers.present()
    for name, slot in present.items():
        phase = _phase(name, containers, found)
        fleet.adopt(name, slot, now_s, phase)
        host.adopt(name, slot, phase)
        if phase is not Phase.IN_SERVICE:
            journal.write(now_s, "instance", instance=name, phase=phase, adopted=True)
    fleet.wanted = max(fleet.wanted, found.wanted)
    if present:
        counts, broken = fleet.counts(), len(fleet.within(Phase.FAILED))
        log.info("adopted %d instances: %d in service, %d draining, %d to be checked, %d broken",
                 len(present), counts.in_service, counts.draining, counts.booting, broken)  # fmt: skip


def _phase(name: str, containers: Containers, found: Found) -> Phase:
    try:
        containers.watch(name)
    except (ControllerError, OSError) as error:
        log.info("removing %s, which an earlier controller left: %s", name, error)
        return Phase.FAILED
    if name in found.ready:
        return Phase.IN_SERVICE
    return Phase.DRAINING if name in found.busy else Phase.BOOTING
