"""What can be broken on purpose: each kind breaks something when it is entered and mends it when it is left.

What is entered is what was hit. Nothing is broken that cannot be mended, and nothing outlives this process for long.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import lxc

from controller.haproxy import HAProxy
from controller.network import ip
from controller.ports import ControllerError
from controller.site import Site
from controller.zygote import application
from experiments.faults.clock import jumped
from experiments.supervisor import Supervised

BLOCK = bytes(64 * 1024)
LEAST_JUMP_S, MOST_JUMP_S = 60.0, 300.0


class NothingHitError(Exception):
    """There was nothing of the kind to break; the message says what."""


@dataclass(frozen=True)
class Scene:
    """What is there to break. `disk` is the mount of the run's own small disk, where it has one."""

    site: Site
    controller: Supervised
    disk: Path | None = None

    @property
    def balancer(self) -> HAProxy:
        return HAProxy(self.site)


Kind = Callable[[Scene, Random], AbstractContextManager[str]]


@contextlib.contextmanager
def kill_instance(scene: Scene, random: Random) -> Iterator[str]:
    """SIGKILL for the first process of an instance's container, and so for all in it."""
    name, first = _instance(scene, random)
    os.kill(first, signal.SIGKILL)
    yield name


@contextlib.contextmanager
def kill_application(scene: Scene, random: Random) -> Iterator[str]:
    """SIGKILL for an instance's application; with a zygote its container goes on without it."""
    name, first = _instance(scene, random)
    os.kill(application(first), signal.SIGKILL)
    yield name


@contextlib.contextmanager
def pause_instance(scene: Scene, random: Random) -> Iterator[str]:
    """SIGSTOP for an instance's application: it hangs, its connections stay open."""
    name, first = _instance(scene, random)
    with _paused(application(first)):
        yield name


@contextlib.contextmanager
def drop_packets(scene: Scene, random: Random) -> Iterator[str]:
    """All that is sent to an instance, and by it, is lost on the way: its link at the bridge is down."""
    name, _ = _instance(scene, random)
    link = lxc.Container(scene.site.container(name)).get_running_config_item("lxc.net.0.veth.pair")
    if not link:
        raise NothingHitError(f"{name} has no link")
    ip("link", "set", link, "down")
    try:
        yield name
    finally:
        with contextlib.suppress(ControllerError):  # it is gone with an instance that was replaced
            ip("link", "set", link, "up")


@contextlib.contextmanager
def kill_zygote(scene: Scene, _: Random) -> Iterator[str]:
    """SIGKILL for the process that forks instances."""
    pid = next((pid for pid in _children(scene.controller.pid) if b"webapp.zygote" in _words(pid)), None)
    if pid is None:
        raise NothingHitError("the controller has no zygote")
    os.kill(pid, signal.SIGKILL)
    yield "zygote"


@contextlib.contextmanager
def kill_worker(scene: Scene, _: Random) -> Iterator[str]:
    """SIGKILL for the process of HAProxy that serves."""
    os.kill(scene.balancer.read().worker_pid, signal.SIGKILL)
    yield "HAProxy's worker"


@contextlib.contextmanager
def kill_balancer(scene: Scene, _: Random) -> Iterator[str]:
    """SIGKILL for HAProxy's master; its worker ends with it."""
    pid = scene.balancer.master_pid()
    if pid is None:
        raise NothingHitError("HAProxy does not run")
    os.kill(pid, signal.SIGKILL)
    yield "HAProxy"


@contextlib.contextmanager
def kill_controller(scene: Scene, _: Random) -> Iterator[str]:
    """SIGKILL for the controller; whoever supervises it starts it again."""
    os.kill(scene.controller.pid, signal.SIGKILL)
    yield "controller"


@contextlib.contextmanager
def pause_controller(scene: Scene, _: Random) -> Iterator[str]:
    """SIGSTOP for the controller: nobody watches."""
    with _paused(scene.controller.pid):
        yield "controller"


@contextlib.contextmanager
def fill_disk(scene: Scene, _: Random) -> Iterator[str]:
    """The disk that the objects lie on has not a byte left."""
    if scene.disk is None or not scene.disk.is_mount():
        raise NothingHitError("the objects have no disk of their own")
    filler = scene.disk / "filler"
    try:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(BLOCK):
                pass
        yield "object directory"
    finally:
        filler.unlink(missing_ok=True)


@contextlib.contextmanager
def clock_jump(_: Scene, random: Random) -> Iterator[str]:
    """The machine's wall clock goes minutes forward or back, and then right again."""
    seconds = random.choice((-1, 1)) * random.uniform(LEAST_JUMP_S, MOST_JUMP_S)
    with jumped(seconds):
        yield f"{seconds:+.0f} s"


KINDS: dict[str, Kind] = {
    "kill-instance": kill_instance, "kill-application": kill_application, "pause-instance": pause_instance,
    "drop-packets": drop_packets, "kill-zygote": kill_zygote, "kill-worker": kill_worker,
    "kill-balancer": kill_balancer, "kill-controller": kill_controller, "pause-controller": pause_controller,
    "fill-disk": fill_disk, "clock-jump": clock_jump,
}  # fmt: skip


def _instance(scene: Scene, random: Random) -> tuple[str, int]:
    """One of those that HAProxy gives requests to, and the first process of its container."""
    try:
        present = sorted(scene.balancer.read().ready)
    except (OSError, ValueError) as error:
        raise NothingHitError(f"HAProxy does not tell its servers ({error})") from error
    if not present:
        raise NothingHitError("no instance is in service")
    name = random.choice(present)
    pid: int = lxc.Container(scene.site.container(name)).init_pid
    if pid <= 0:
        raise NothingHitError(f"{name} does not run")
    return name, pid


@contextlib.contextmanager
def _paused(pid: int) -> Iterator[None]:
    """A descriptor stands for the process, so that no later one of the same number is meant."""
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGCONT)
        os.close(descriptor)


def _children(pid: int) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in done.stdout.split()]


def _words(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []
