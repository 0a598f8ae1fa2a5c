"""What must be so before any work starts; each missing thing is one line that says what to do."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

from controller import network
from controller.ports import ControllerError
from controller.site import Site

COMMANDS = {"lxc-copy": "lxc", "lxc-stop": "lxc", "haproxy": "haproxy", "ip": "iproute2"}
FREE_MB = 200


class PreflightError(ControllerError):
    """The host is not ready."""


def check_root() -> None:
    if os.geteuid() != 0:
        raise PreflightError("needs root, for containers, bridge and cgroups (try: sudo python -m controller ...)")


def check(site: Site, template_dir: Path, ports_ours: bool) -> None:
    """Raise PreflightError for the first thing that is missing. `ports_ours`: our own HAProxy holds the ports."""
    check_root()
    for command, package in COMMANDS.items():
        if not shutil.which(command):
            raise PreflightError(f"{command} is missing: run 'make setup' (Debian package {package})")
    if not _overlay():
        raise PreflightError("this kernel has no overlay file system (/proc/filesystems); instances are overlay clones")
    if not (template_dir / "stamp").exists():
        raise PreflightError(f"there is no template in {template_dir}: run 'make rootfs' first")
    _check_disk(template_dir)
    if clash := network.conflict(site):
        raise PreflightError(f"--subnet {site.subnet} overlaps this host's route {clash}: choose a free private subnet")
    if not ports_ours:
        for option, address in (("--entry", site.entry), ("--stats", site.stats)):
            _check_port(option, address)


def _overlay() -> bool:
    if "\toverlay\n" in Path("/proc/filesystems").read_text():
        return True
    subprocess.run(["modprobe", "-q", "overlay"], check=False, capture_output=True)
    return "\toverlay\n" in Path("/proc/filesystems").read_text()


def _check_disk(folder: Path) -> None:
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < FREE_MB:
        raise PreflightError(f"only {free_mb} MB are free on {folder}; {FREE_MB} are needed")


def _check_port(option: str, address: str) -> None:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise PreflightError(f"{option} {address}: {os.strerror(error.errno or 0)}; choose another") from error
