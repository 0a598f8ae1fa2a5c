"""Instances as LXC containers: ephemeral overlay clones of the template, each with its own address and limits.

The application is the container's first process, or, with a zygote, the only child of one that pauses.

The commands are used for all that takes time, because liblxc's Python binding holds the interpreter's lock while it
waits.
"""

import contextlib
import logging
import os
import shutil
import threading
import time

import lxc

from controller.applications import Applications
from controller.container_config import common_config, instance_config
from controller.health import healthy, knock
from controller.mapped_ids import obstacle
from controller.ports import BootWay, ControllerError
from controller.processes import run
from controller.removal import POLL_S, end, first_pid, lxc_path
from controller.site import Site
from controller.usage import LITTLE_CPU, set_frozen, set_full_cpu
from controller.zygote import PAUSE, Zygote, ZygoteError, application, await_pause, first_error, last_line

log = logging.getLogger("controller")

CLONE_S = 30.0  # the longest that lxc-copy may take, then the boot until the health check answers
BOOT_S = 60.0
CLONE_PATH = "/usr/sbin:/sbin"  # else lxc-copy uses newuidmap, where installed, which knows the ids of /etc/subuid only
PROBE_SLOT = 0  # has no address
PAUSES = f"lxc.init.cmd = {PAUSE}\n"


class BootError(ControllerError):
    """The instance did not come up; the message says at which step and why."""


class Containers:
    """The instances' containers of one site. Methods block; they may be called from several threads."""

    def __init__(
        self,
        site: Site,
        environment: dict[str, str],
        closing: threading.Event,
        boot: BootWay = "exec",
        cpu_cores: float = 0.0,
    ) -> None:
        self._site = site
        self._environment = environment
        self._cpu_cores = cpu_cores
        self.mapped = False  # whether instances have mapped ids, each a user namespace of its own
        self._closing = closing  # ends every wait for a boot
        self._path = lxc_path()
        self._dir = site.run_dir / "instances"
        self._lxc_copy = shutil.which("lxc-copy") or "lxc-copy"
        self._frozen: set[str] = set()
        self.applications = Applications()
        template, words = self._path / site.template, site.run_dir / "zygote.log"
        self._zygote = Zygote(template, environment, words) if boot == "zygote" else None

    def map_ids(self) -> str:
        """Give the instances to come mapped ids, where a container that has them starts; why not, in words, empty where
        one does."""
        probe, template = f"{self._site.service}-{PROBE_SLOT}", self._path / self._site.template
        try:
            self.remove_probe()
            if why := obstacle(template / "rootfs", self._site.objects_dir):
                return why
            self._clone(probe, common_config(self._site, template, mapped=True) + PAUSES)
            await_pause(self._first(probe))
            self.mapped = True
        except ControllerError as error:
            return str(error)
        finally:
            with contextlib.suppress(ControllerError):
                self.remove_probe()
        return ""

    def remove_probe(self) -> None:
        """Remove what a controller left that was killed in `map_ids`. Raises ControllerError where something stays."""
        self.stop(f"{self._site.service}-{PROBE_SLOT}")

    def prepare(self) -> None:
        """Begin what makes boots fast. Raises ControllerError."""
        if self._zygote is not None:
            self._zygote.start()

    def close(self) -> None:
        """End what `prepare` began; the instances go on."""
        if self._zygote is not None:
            self._zygote.close()

    def boot(self, name: str, slot: int, spare: bool = False) -> dict[str, float]:
        """Clone and start an instance, wait until it is healthy; the milliseconds of each part. A `spare` one gets
        little CPU until then. Raises BootError."""
        started = time.monotonic()
        more = LITTLE_CPU if spare else ""
        forked = self._fork(name, slot, more)
        if forked is None:
            self._clone(name, self._config(slot, self.mapped) + more)
        cloned = forked or time.monotonic()
        reached, ready = self.await_health(name, slot)
        if spare:
            set_full_cpu(self.applications.pid(name))
        marks = (started, cloned, forked or max(cloned, reached), ready)
        parts = ("clone", "address", "application")
        return {part: round(1000 * (b - a), 1) for part, a, b in zip(parts, marks, marks[1:], strict=False)}

    def _fork(self, name: str, slot: int, more: str) -> float | None:
        """Have the zygote fork the instance into a container that pauses.

        When the container was up, in monotonic seconds; None where it is to boot by exec.
        """
        if self._zygote is None:
            return None
        try:
            self._zygote.await_ready()
            self._clone(name, self._config(slot, self.mapped) + more + PAUSES)
            cloned = time.monotonic()
            self.applications.watch(name, self._zygote.fork(self._first(name)))
        except ZygoteError as error:
            log.warning("%s boots by exec: %s", name, error)
            self.stop(name)
            return None
        return cloned

    def _clone(self, name: str, text: str) -> None:
        self._dir.mkdir(mode=0o700, exist_ok=True)
        config, log = self._dir / f"{name}.conf", self._dir / f"{name}.log"
        console = f"lxc.console.logfile = {self._dir / name}.console\nlxc.console.size = auto\n"  # 128 KiB
        config.write_text(text + console)
        log.unlink(missing_ok=True)
        command = [
            self._lxc_copy, "-n", self._site.template, "-N", self._site.container(name), "-e", "-B", "overlay", "-M",
            "--rcfile", str(config), "-o", str(log), "-l", "ERROR",
        ]  # fmt: skip
        done = run(command, CLONE_S, {**os.environ, "PATH": CLONE_PATH})
        if done.returncode:
            raise BootError(f"lxc-copy: {first_error(log) or done.stderr.strip() or f'exit {done.returncode}'}")

    def adopt(self, name: str, slot: int) -> None:
        """Take over an instance of an earlier controller, which may have been booting it for its pool. Raises
        BootError."""
        self.await_health(name, slot)
        with contextlib.suppress(OSError):  # systemd takes the CPU controller away where no service wants it
            set_full_cpu(self.applications.pid(name))

    def watch(self, name: str) -> None:
        """Note the application of a running instance, and thaw it: an earlier controller may have frozen it. Raises
        ControllerError, OSError where there is none."""
        if name not in self.applications:
            self.applications.watch(name, application(self._first(name)))
            set_frozen(self.applications.pid(name), frozen=False)

    def await_health(self, name: str, slot: int) -> tuple[float, float]:
        """Wait until the instance answers its health check; when its address first reacted, and when it was healthy."""
        self.watch(name)
        address, reached = self._site.address(slot), None
        deadline = time.monotonic() + BOOT_S
        while time.monotonic() < deadline and not self._closing.is_set():
            if name not in self.applications:
                raise BootError("it was stopped before it was healthy")
            if name in self.applications.died():
                raise BootError(f"its application ended: {last_line(self._dir / f'{name}.console') or 'no output'}")
            reaction = knock(address, self._site.port)
            if reached is None and reaction is not None:
                reached = time.monotonic()
            if reaction and healthy(address, self._site.port, self._site.health_path):
                return reached or time.monotonic(), time.monotonic()
            time.sleep(POLL_S)
        raise BootError(f"no healthy answer from {address}:{self._site.port} within {BOOT_S:g} s")

    def freeze(self, name: str) -> None:
        """Let a healthy instance use no CPU. Raises OSError."""
        self._frozen.add(name)
        set_frozen(self.applications.pid(name), frozen=True)

    def thaw(self, name: str) -> None:
        """Let a frozen instance go on; does nothing with any other. Raises OSError."""
        if name in self._frozen:
            set_frozen(self.applications.pid(name), frozen=False)
            self._frozen.discard(name)

    def stop(self, name: str) -> None:
        """Kill and remove an instance, and all that belonged to it. Raises ControllerError where something stays."""
        self._frozen.discard(name)
        known = self.applications.forget(name)
        end(self._site.container(name), known.group if known else None)
        for path in self._dir.glob(f"{name}.*"):
            path.unlink(missing_ok=True)

    def running(self) -> dict[str, int]:
        """The instances whose containers run, by name, with their slots, from 1 on."""
        containers = lxc.list_containers(active=True, defined=False)
        slots = {name: self._site.slot(name) for name in containers}
        return {self._site.instance(name): slot for name, slot in slots.items() if slot}

    def started_otherwise(self) -> list[str]:
        """The running instances whose address, objects or environment are not what they would be started with now."""
        return sorted(name for name, slot in self.running().items() if not self._was_started_with(name, slot))

    def _config(self, slot: int, mapped: bool) -> str:
        template = self._path / self._site.template
        return instance_config(self._site, template, slot, self._environment, self._cpu_cores, mapped)

    def _was_started_with(self, name: str, slot: int) -> bool:
        with contextlib.suppress(OSError):
            text = (self._dir / f"{name}.conf").read_text()
            return slot <= self._site.slots and text.startswith((self._config(slot, False), self._config(slot, True)))
        return False

    def present(self) -> dict[str, int]:
        """The instances that have a folder or a process, running or not, with their slots."""
        folders = [path.name for path in self._path.glob(f"{self._site.prefix}-{self._site.service}-*")]
        slots = {name: self._site.slot(name) for name in folders}
        return self.running() | {self._site.instance(name): slot for name, slot in slots.items() if slot is not None}

    def _first(self, name: str) -> int:
        """The pid of the first process of an instance's container. Raises BootError."""
        pid = first_pid(self._site.container(name))
        if pid is None:
            raise BootError(f"its first process ended: {last_line(self._dir / f'{name}.console') or 'no output'}")
        return pid

    def died(self) -> set[str]:
        """The instances whose application has ended."""
        return self.applications.died()

    def pids(self) -> dict[str, int]:
        """The application of each instance."""
        return self.applications.pids()
