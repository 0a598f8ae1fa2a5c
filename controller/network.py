"""The instances' network: a bridge of its own without NAT, forwarding or DHCP.

Neighbour entries are permanent, since each address has a fixed MAC: no ARP, hence none that waits a second for an
instance that is just starting. The bridge has a fixed MAC too: else it would be that of one of its ports, and each time
that such an instance goes, the host would lose all entries, and the other instances would answer to nobody until they
learn the new MAC. An unreachable route behind the bridge's own makes sure that nothing meant for an instance ever
leaves the host while the bridge is away.
"""

import ipaddress
import json
import subprocess
from pathlib import Path

from controller.ports import ControllerError
from controller.site import Site, mac

LAST_RESORT_METRIC = "4294967294"


def ip(*arguments: str, lines: str = "") -> str:
    """Run `ip`; `lines` are commands for `ip -batch -`. Raises ControllerError with ip's own words."""
    done = subprocess.run(
        ["ip", *arguments], input=lines, capture_output=True, text=True, check=False, start_new_session=True
    )  # a Ctrl-C at the terminal is for the controller alone
    if done.returncode:
        raise ControllerError(f"ip {' '.join(arguments)}: {done.stderr.strip() or f'ended with {done.returncode}'}")
    return done.stdout


def exists(site: Site) -> bool:
    return Path("/sys/class/net", site.bridge).exists()


def conflict(site: Site) -> str:
    """The first route of the host that overlaps the instances' subnet, empty where none does."""
    for route in json.loads(ip("-json", "-4", "route", "show", "table", "main") or "[]"):
        destination = route["dst"]
        if destination == "default" or route.get("dev") == site.bridge or route.get("type") == "unreachable":
            continue
        if ipaddress.IPv4Network(destination).overlaps(site.subnet):
            return f"{destination} on {route.get('dev', '?')}"
    return ""


def create(site: Site) -> None:
    """Make the bridge, or mend the one that is there."""
    if not exists(site):
        ip("link", "add", site.bridge, "type", "bridge", "forward_delay", "0", "stp_state", "0")
    if Path(f"/sys/class/net/{site.bridge}/address").read_text().strip() != mac(site.gateway):
        ip("link", "set", site.bridge, "address", mac(site.gateway))
    no_ipv6 = Path(f"/proc/sys/net/ipv6/conf/{site.bridge}/disable_ipv6")
    if no_ipv6.exists():
        no_ipv6.write_text("1")
    ip("address", "replace", f"{site.gateway}/{site.subnet.prefixlen}", "dev", site.bridge)
    ip("link", "set", site.bridge, "up")
    ip("route", "replace", "unreachable", str(site.subnet), "metric", LAST_RESORT_METRIC)
    addresses = [site.address(slot) for slot in range(1, site.slots + 1)]
    ip("-batch", "-", lines="".join(
        f"neigh replace {address} lladdr {mac(address)} dev {site.bridge} nud permanent\n" for address in addresses
    ))  # fmt: skip


def remove(site: Site) -> bool:
    """Remove bridge and route; tells whether there was anything to remove."""
    found = exists(site)
    if found:
        ip("link", "delete", site.bridge)
    for route in json.loads(ip("-json", "-4", "route", "show", "type", "unreachable") or "[]"):
        if str(route.get("metric")) == LAST_RESORT_METRIC:  # ours, of whatever subnet
            ip("route", "delete", "unreachable", route["dst"], "metric", LAST_RESORT_METRIC)
            found = True
    return found
