"""Where things are on this host: names, addresses and folders, passed as one value and never looked up globally."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

SLOT = re.compile(r"[1-9][0-9]{0,8}")
SUBNET = ipaddress.IPv4Network("10.87.65.0/24")


@dataclass(frozen=True, slots=True)
class Site:
    """One testbed on one host. Everything it makes there bears `prefix` or lies in `run_dir`."""

    prefix: str = "tidebed"
    entry: str = "127.0.0.1:8080"
    stats: str = "127.0.0.1:9999"
    subnet: ipaddress.IPv4Network = SUBNET
    objects_dir: Path = Path("/srv/objects")
    service: str = "web"
    port: int = 8000
    health_path: str = "/healthz"

    @property
    def bridge(self) -> str:
        return f"{self.prefix}0"

    @property
    def template(self) -> str:
        return f"{self.prefix}-template"

    @property
    def run_dir(self) -> Path:
        return Path("/run") / self.prefix

    @property
    def admin_dir(self) -> Path:
        """Holds the sockets that command HAProxy; mode 0700."""
        return self.run_dir / "admin"

    @property
    def lock_file(self) -> Path:
        """Beside the run directory, not in it: it must outlast a controller that is just removing the directory."""
        return Path("/run") / f"{self.prefix}.lock"

    @property
    def gateway(self) -> str:
        return str(self.subnet[1])

    @property
    def slots(self) -> int:
        return self.subnet.num_addresses - 3

    def slots_for(self, instances: int) -> int:
        """How many slots a fleet of at most so many instances uses: spare ones, so that addresses rest between uses."""
        return min(self.slots, 2 * instances + 4)

    def address(self, slot: int) -> str:
        """The address of a slot, counted from 1; the subnet's first host address is the bridge's own."""
        return str(self.subnet[1 + slot])

    def container(self, instance: str) -> str:
        return f"{self.prefix}-{instance}"

    def instance(self, container: str) -> str:
        return container.removeprefix(f"{self.prefix}-")

    def slot(self, container: str) -> int | None:
        """The slot of an instance's container, None for any other container."""
        head, _, number = container.rpartition("-")
        return int(number) if head == f"{self.prefix}-{self.service}" and SLOT.fullmatch(number) else None


def mac(address: str) -> str:
    """A locally administered MAC derived from the address: neighbour entries stay true when an address is reused."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in ipaddress.IPv4Address(address).packed)
