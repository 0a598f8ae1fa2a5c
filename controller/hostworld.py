"""Where the watch looks on the live host."""

from collections.abc import Iterable, Mapping

from controller.applications import Applications
from controller.fleet import Fleet
from controller.haproxy import HAProxy
from controller.model import Instance
from controller.probe import Probe
from controller.requestlog import Requests
from controller.site import Site
from controller.usage import Signs


class HostWorld:
    """The fleet, its containers, HAProxy and its log, as the watch sees them from its own thread."""

    def __init__(
        self, site: Site, fleet: Fleet, applications: Applications, balancer: HAProxy, requests: Requests
    ) -> None:  # fmt: skip
        self._site = site
        self._fleet = fleet
        self._applications = applications
        self._balancer = balancer
        self._requests = requests

    def instances(self) -> Iterable[Instance]:
        return list(self._fleet.instances.values())

    def deaths(self) -> Mapping[str, str]:
        return self._applications.deaths()

    def answered_s(self, name: str) -> float:
        return self._requests.answered_s(name)

    def ask(self, instance: Instance) -> Probe:
        return Probe(self._site.address(instance.slot), self._site.port, self._site.health_path)

    def signs(self, name: str) -> Signs | None:
        return self._applications.signs(name)

    def balancer_lives(self) -> bool:
        return self._balancer.master_pid() is not None
