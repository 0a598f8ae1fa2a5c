"""What the project uses on this host at a moment: counts of everything that could leak, and memory.

Processes are found by their command lines, so that it is the same who started them.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.removal import lxc_path
from controller.site import Site

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
NET = Path("/sys/class/net")
CGROUPS = Path("/sys/fs/cgroup")
LOOKS, LOOK_PAUSE_S = 10, 0.07  # not in step with anything


@dataclass(frozen=True, slots=True)
class Process:
    """One process at a moment."""

    pid: int
    parent: int
    words: tuple[str, ...]

    @property
    def use(self) -> Mapping[str, int]:
        """Descriptors, threads and memory. Raises OSError when it is gone."""
        folder = Path(f"/proc/{self.pid}")
        threads, fds = (sum(1 for _ in (folder / kind).iterdir()) for kind in ("task", "fd"))
        rss_kib = int((folder / "statm").read_text().split()[1]) * PAGE_KIB
        return {"fds": fds, "threads": threads, "rss_kib": rss_kib}


Sample = dict[str, float]


def sample(site: Site) -> Sample:
    """The counts of what is the project's on this host, and what the controller, the zygote and HAProxy use,
    `<process>_<what>`; what is not there is left out."""
    found = processes()
    roles = roles_of(found, site)
    counts: Sample = {
        "mounts": sum(site.prefix in line for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "veths": sum(1 for path in NET.glob("veth*") if _is_at(path, site.bridge)),
        "cgroups": sum(1 for _ in CGROUPS.glob(f"**/lxc.*.{site.prefix}-*")),
        "neighbours": _lines("ip", "neighbour", "show", "nud", "permanent", "dev", site.bridge),
        "addresses": _lines("ip", "-oneline", "address", "show", "dev", site.bridge),
        "routes": _lines("ip", "route", "show", "root", str(site.subnet)),
        "haproxy_workers": len(roles["haproxy_worker"]),
        "container_folders": sum(1 for _ in lxc_path().glob(f"{site.prefix}-{site.service}-*")),
        "run_files": sum(1 for _ in site.run_dir.rglob("*")),
        "processes": len(ours(found, site)),
    }
    for role, those in roles.items():
        for process in those[:1]:
            with contextlib.suppress(OSError):
                counts |= {f"{role}_{name}": value for name, value in process.use.items()}
    return counts


def sample_at_rest(site: Site) -> Sample:
    """The least of several looks: what is there for a moment only, as the connection of a health check, does not
    count."""
    looks = []
    for _ in range(LOOKS):
        looks.append(sample(site))
        time.sleep(LOOK_PAUSE_S)
    return {name: min(look[name] for look in looks) for name in looks[0] if all(name in look for look in looks)}


def roles_of(found: Iterable[Process], site: Site) -> dict[str, list[Process]]:
    """Who is the controller, the zygote, HAProxy's master, and its workers, the newest first."""
    config = str(site.run_dir / "haproxy.cfg")
    ours = sorted(found, key=lambda process: -process.pid)
    controllers = [each for each in ours if each.words[1:3] == ("-m", "controller")]
    pids = {each.pid for each in controllers}
    haproxy = [each for each in ours if config in each.words]
    masters = {each.pid for each in haproxy} & {each.parent for each in haproxy}
    return {
        "controller": controllers,
        "zygote": [each for each in ours if each.parent in pids and "webapp.zygote" in each.words],
        "haproxy_master": [each for each in haproxy if each.pid in masters],
        "haproxy_worker": [each for each in haproxy if each.parent in masters],
    }


def ours(found: Iterable[Process], site: Site) -> list[Process]:
    """The controller, the zygote, HAProxy, LXC's monitors of instances, and all that descend from one of them."""
    everyone = {each.pid: each for each in found}
    config, monitor = str(site.run_dir / "haproxy.cfg"), f" {site.container(site.service)}-"

    def is_ours(process: Process | None) -> bool:
        if process is None:
            return False
        words = process.words
        begins = words[1:3] == ("-m", "controller") or config in words or "webapp.zygote" in words
        begins = begins or (words[0].startswith("[lxc monitor]") and monitor in words[0])
        return begins or is_ours(everyone.get(process.parent))

    return [each for each in everyone.values() if is_ours(each)]


def processes() -> list[Process]:
    """All of this host."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            found.append(Process(int(folder.name), parent, tuple(words)))
    return found


def _is_at(link: Path, bridge: str) -> bool:
    """Is it a port of this bridge, or of none?"""
    try:
        return (link / "master").readlink().name == bridge
    except OSError:
        return True


def _lines(*command: str) -> int:
    return len(subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines())
