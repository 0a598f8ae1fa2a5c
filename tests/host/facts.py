"""Whether the host has exactly the fleet that is wanted: containers, control groups, links, processes, HAProxy."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import lxc

from controller.haproxy_sockets import ask
from controller.site import Site, mac
from controller.statistics import parse_statistics
from tests.host.testbed import PREFIX, command_lines

RUN = Path("/run") / PREFIX
BRIDGE = Path(f"/sys/class/net/{PREFIX}0")
CONTROLLERS = (["-m", "controller"], ["-m", "tests.host.killed_at"])


def astray(serving: int, spare: int = 0, zygotes: int = 0) -> list[str]:
    """What differs from a fleet of so many in service and so many on standby; empty when all is right."""
    fleet = {path.name for path in Path("/var/lib/lxc").glob(f"{PREFIX}-web-*")}
    found = [] if len(fleet) == serving + spare else [f"{len(fleet)} folders: {sorted(fleet)}"]
    running = [name for name in lxc.list_containers(active=True, defined=False) if name.startswith(f"{PREFIX}-")]
    found += _differs("runs", running, fleet)
    found += _differs("control group", set(_cgroups()), fleet)
    found += _differs("settings", {f"{PREFIX}-{path.stem}" for path in (RUN / "instances").glob("*.conf")}, fleet)
    return found + _network(len(fleet)) + _processes(len(fleet), zygotes) + _members(serving, fleet)


def _differs(what: str, seen: Iterable[str], fleet: set[str]) -> list[str]:
    return [f"{what}: {name}" for name in sorted(set(seen) ^ fleet)]


def _cgroups() -> Iterator[str]:
    for pattern in ("", "*/"):
        for folder in Path("/sys/fs/cgroup").glob(f"{pattern}lxc.payload.{PREFIX}-web-*"):
            yield re.sub(r"^lxc\.payload\.|(?<=\d)-\d+$", "", folder.name)


def _network(instances: int) -> list[str]:
    """What is wrong with the bridge and its links."""
    links = len(list((BRIDGE / "brif").glob("*")))
    found = [] if links == instances else [f"{links} links for {instances} instances"]
    is_fixed = BRIDGE.exists() and (BRIDGE / "address").read_text().strip() == mac(Site().gateway)
    return found + ([] if is_fixed else ["the bridge, or its MAC"])


def _processes(instances: int, zygotes: int) -> list[str]:
    """Too many, or too few, of a kind."""
    seen = command_lines()
    lines = [" ".join(words) for _, words in seen]
    wanted = {r"^\[lxc monitor\] .* tidebed-web-": instances, r"^(/\S*/)?lxc-(copy|stop) .*tidebed-web-": 0}
    counts = {pattern: sum(bool(re.search(pattern, line)) for line in lines) for pattern in wanted}
    found = [f"{counts[kind]} processes {kind}" for kind in wanted if counts[kind] != wanted[kind]]
    controllers = sum(words[1:3] in CONTROLLERS for _, words in seen)
    found += [] if controllers == 1 else [f"{controllers} controllers"]
    outside = [pid for pid, words in seen if "webapp.zygote" in words and not _is_inside(pid)]
    return found + ([] if len(outside) == zygotes else [f"{len(outside)} zygotes"])


def _is_inside(pid: int) -> bool:
    try:
        return "lxc.payload" in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return True


def _members(serving: int, fleet: set[str]) -> list[str]:
    """What HAProxy and its file say of who serves, if that is not so."""
    try:
        ready = parse_statistics(ask(RUN / "admin" / "haproxy.sock", "show info;show stat"), "entry", "web").ready
        config = (RUN / "haproxy.cfg").read_text()
    except (OSError, ValueError) as error:
        return [f"HAProxy: {error}"]
    servers = re.findall(r"^  server (\S+) (.*)$", config, re.MULTILINE)
    told = {name for name, rest in servers if "disabled" not in rest}
    found = [] if len(ready) == serving else [f"HAProxy has {sorted(ready)}"]
    found += [f"no instance: {name}" for name in sorted(ready) if f"{PREFIX}-{name}" not in fleet]
    return found + ([] if told == ready else [f"HAProxy has {sorted(ready)}, its file {sorted(told)}"])
