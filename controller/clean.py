"""`python -m controller.clean`: remove all that the project made on this host, by name prefix and recorded pid.

Safe to run at any time, and twice. Objects that clients stored are kept unless the directory is empty.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from controller import network, shield
from controller.app import remove_instances, trouble_of
from controller.containers import Containers
from controller.haproxy import HAProxy
from controller.lock import controller_pid, only_one
from controller.ports import ControllerError
from controller.preflight import check_root
from controller.remains import remove_cgroups
from controller.removal import lxc_path
from controller.rundir import remove_run_dir
from controller.site import Site

STOP_S = 60.0
ROOT = Path(__file__).resolve().parent.parent


def say(text: str) -> None:
    print(f"clean-host: {text}")


def clean(site: Site, keep_template: bool) -> None:
    """Remove everything of the site. Raises ControllerError for what could not be removed."""
    if (pid := controller_pid(site)) is not None:
        say(f"stopping the controller (pid {pid})")
        _stop_controller(site, pid)
    with only_one(site):  # nobody may start another one meanwhile
        _remove_all(site, keep_template)


def _remove_all(site: Site, keep_template: bool) -> None:
    balancer = HAProxy(site)
    if balancer.masters():
        say("stopping HAProxy")
        balancer.stop(grace_s=1.0)
    steps: list[Callable[[Site], None]] = [
        _remove_instances, _remove_network, _remove_run_files, _remove_disks, remove_cgroups
    ]  # fmt: skip
    if not keep_template:
        steps += [_remove_link, _remove_template, _remove_objects_dir]
    troubles = [trouble for step in steps if (trouble := trouble_of(partial(step, site)))]
    if troubles:
        raise ControllerError("; ".join(troubles))


def _remove_instances(site: Site) -> None:
    containers = Containers(site, {}, threading.Event())
    for name in remove_instances(containers):
        say(f"removed instance {name}")
    containers.remove_probe()


def _remove_network(site: Site) -> None:
    if network.remove(site):
        say(f"removed the bridge {site.bridge} and its route")
    if shield.remove(site):
        say(f"removed the table {site.prefix} of nftables")


def _remove_run_files(site: Site) -> None:
    if remove_run_dir(site):
        say(f"removed {site.run_dir}")


def _remove_disks(site: Site) -> None:
    """The disk in memory of a run that was killed."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        source, folder = line.split()[:2]
        if source.startswith(f"{site.prefix}-"):
            subprocess.run(["umount", "--lazy", folder], check=False)
            say(f"unmounted {folder}")


def _stop_controller(site: Site, pid: int) -> None:
    """Raises ControllerError where something else has the lock: a stranger's process is not to be ended."""
    if not any(b"controller" in word for word in _command(pid)):
        raise ControllerError(f"{site.lock_file} is locked by a process that is no controller; 'fuser' tells which")
    for number, seconds in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, 2.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if controller_pid(site) != pid and not _command(pid):
                return
            time.sleep(0.05)


def _command(pid: int) -> list[bytes]:
    """A process's command line; one that has ended, reaped or not, has none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    return []


def _remove_template(site: Site) -> None:
    template = lxc_path() / site.template
    for folder in (template, template.with_name(f"{template.name}.new")):
        if folder.exists():
            shutil.rmtree(folder)
            say(f"removed {folder}; 'make rootfs' builds the template again")


def _remove_link(_: Site) -> None:
    """The link that `make setup` made, and no other of that name."""
    link = Path("/usr/local/bin/locust")
    if link.is_symlink() and link.readlink() == ROOT / ".venv" / "bin" / "locust":
        link.unlink()
        say(f"removed the link {link}; 'make setup' makes it again")


def _remove_objects_dir(site: Site) -> None:
    folder = site.objects_dir
    if not folder.is_dir():
        return
    with contextlib.suppress(OSError):
        for empty in (*folder.iterdir(), folder):
            empty.rmdir()
        say(f"removed the empty object directory {folder}")
        return
    say(f"kept {folder}: it holds objects; remove it by hand if you do not need them")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m controller.clean", description=__doc__)
    parser.add_argument("--keep-template", action="store_true", help="keep the template and the object directory")
    options = parser.parse_args()
    try:
        check_root()
        clean(Site(), options.keep_template)
    except ControllerError as error:
        print(f"clean-host: {error}", file=sys.stderr)
        return 1
    say("nothing else of the project is left on this host")
    return 0


if __name__ == "__main__":
    sys.exit(main())
