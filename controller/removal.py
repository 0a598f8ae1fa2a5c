"""Ends a container and removes all that belonged to it, also where LXC itself is stuck.

liblxc's own questions to a container's monitor are not asked here: a monitor that hangs would hang us, too.
"""

import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import lxc

from controller.ports import ControllerError
from controller.processes import is_of_host, run
from controller.usage import CGROUPS, control_group, kill_all, thaw

log = logging.getLogger("controller")

ORDER_S = 3.0  # the longest that lxc-stop may take, which needs 40 ms; then we do without it
GRACE_S = 2.0  # after that, what the monitor does not remove is removed by us
GROUPS_S = 1.0
STOP_S = 20.0  # the longest that all of it may take
POLL_S = 0.003


def lxc_path() -> Path:
    return Path(lxc.get_global_config_item("lxc.lxcpath"))


def is_active(container: str) -> bool:
    """Has it a monitor?"""
    return container in lxc.list_containers(active=True, defined=False)


def end(container: str, group: Path | None) -> None:
    """Kill and remove a container; `group` is its control group where it is known. Raises ControllerError where
    something stays."""
    folder = lxc_path() / container
    deadline = time.monotonic() + STOP_S
    if is_active(container):
        _stop(container, group if group and is_of(container, group) else _group(container))
    remove_from = time.monotonic() + GRACE_S
    while folder.exists() and time.monotonic() < deadline:
        if time.monotonic() > remove_from:
            _remove(container, folder)
            remove_from = time.monotonic() + GRACE_S
        time.sleep(POLL_S)
    if folder.exists():
        raise ControllerError(f"{container} could not be removed within {STOP_S:g} s")
    _remove_groups(container)


def _remove_groups(container: str) -> None:
    """Remove the control groups that a monitor which was killed, or never got so far, has left."""
    deadline = time.monotonic() + GROUPS_S
    while time.monotonic() < deadline and (left := list(_groups(container))):
        for group in left:
            with contextlib.suppress(OSError):  # the monitor is just ending, or removes it itself
                group.rmdir()
        time.sleep(POLL_S)


def _groups(container: str) -> Iterator[Path]:
    for kind in ("payload", "monitor"):
        for root in (CGROUPS, *CGROUPS.iterdir()):
            if (group := root / f"lxc.{kind}.{container}").is_dir():
                yield group


def _stop(container: str, group: Path | None) -> None:
    """Kill its processes; its monitor then removes the rest. A frozen one dies as soon as it is thawed, and does
    nothing before."""
    if group is not None:
        kill_all(group)
        thaw(group)
        return
    try:
        run(["lxc-stop", "-n", container, "-k"], ORDER_S)
    except ControllerError as error:
        log.warning("%s: %s", container, error)


def _remove(container: str, folder: Path) -> None:
    """Remove what its monitor should have removed, and the monitor; or kill what an orphaned lxc-copy has started.

    `lxc-destroy` leaves a stopped ephemeral container as it is; the library does not.
    """
    if is_active(container):
        if (group := _group(container)) is not None:
            _stop(container, group)
        elif (monitor := monitor_pid(container)) is not None:
            log.warning("the monitor of %s does not end: it is killed", container)
            with contextlib.suppress(ProcessLookupError):
                os.kill(monitor, signal.SIGKILL)
        return
    lxc.Container(container).destroy()
    if not (folder / "config").exists():
        shutil.rmtree(folder, ignore_errors=True)


def monitor_pid(container: str) -> int | None:
    """The process that LXC keeps beside a running container."""
    title = f"[lxc monitor] {lxc_path()} {container}".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().rstrip(b"\0") == title and is_of_host(path.parent):
                return int(path.parent.name)
    return None


def is_of(container: str, group: Path) -> bool:
    """Is it the container's own control group? A process that has ended, but is not reaped, is in the root's, with all
    others of the host. LXC appends a number where a group of that name is left over."""
    own = f"lxc.payload.{container}"
    return group.name == own or (group.name.startswith(f"{own}-") and group.name[len(own) + 1 :].isdigit())


def first_pid(container: str) -> int | None:
    """The container's first process, its monitor's child; None where either is gone."""
    with contextlib.suppress(OSError, IndexError):
        monitor = monitor_pid(container)
        return int(Path(f"/proc/{monitor}/task/{monitor}/children").read_text().split()[0])
    return None


def _group(container: str) -> Path | None:
    """The control group of the container's first process; None where that is gone."""
    with contextlib.suppress(OSError):
        if (pid := first_pid(container)) is not None:
            group = control_group(pid)
            return group if is_of(container, group) else None
    return None
