"""HAProxy in master-worker mode: rendered, started or adopted, reloaded with proof, drained and stopped.

It runs in a session of its own, so that it goes on serving when the controller is killed; the next controller finds it
by its master socket.
"""

import contextlib
import grp
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from controller.actions import Member
from controller.haproxy_config import Server, Waiting, render, servers_of
from controller.ports import ControllerError
from controller.site import Site
from controller.statistics import Processes, Statistics, parse_processes, parse_statistics

T = TypeVar("T")
COMMANDS_AT_ONCE = 100  # HAProxy reads a command line of at most 16 KiB
PATIENCE_S = 2.0  # for a busy HAProxy's answer, before it is taken for dead
PRIORITY = ("nice", "-n", "-10")  # requests, and the reloads they wait for, go before boots
READY_S = 10.0  # the longest that a start, a reload or a stop may take


class BalancerError(ControllerError):
    """HAProxy did not do what was asked; what it did before, it still does."""


def ask(path: Path, command: str, timeout_s: float = 1.0) -> str:
    """Send one line to one of HAProxy's sockets and return the whole answer. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        connection.sendall(command.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)  # else the master socket keeps the connection open
        answer = bytearray()
        while chunk := connection.recv(65536):
            answer += chunk
    return answer.decode(errors="replace")


def within(seconds: float, attempt: Callable[[], T | None], pause_s: float = 0.005) -> T | None:
    """Try until `attempt` gives something other than None, at most for so long; what it raises of OSError, ValueError
    counts as nothing yet."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ValueError):
            if (result := attempt()) is not None:
                return result
        if time.monotonic() >= deadline:
            return None
        time.sleep(pause_s)


class HAProxy:
    """The balancer of one site. Methods block; they may be called from several threads.

    With `slots` > 0 the back end has a server for each slot from the start, and members are enabled and disabled over
    the admin socket; without, each change is a reload. The file tells the truth in both cases.
    """

    def __init__(
        self, site: Site, slots: int = 0, waiting: Waiting = Waiting(),  # noqa: B008
        before_reload: Callable[[], None] = lambda: None,
    ) -> None:
        self._site = site
        self._waiting = waiting
        self._slots = slots
        self._before_reload = before_reload  # the old worker's counters are about to go: the last moment to read them
        self._config = site.run_dir / "haproxy.cfg"
        self._log = site.run_dir / "haproxy.log"
        self._pid_file = site.run_dir / "haproxy.pid"
        self._admin = site.admin_dir / "haproxy.sock"
        self._master = site.admin_dir / "master.sock"
        self._lock = threading.RLock()
        self._draining: frozenset[str] = frozenset()
        self._served: list[Server] | None = None  # what the running worker is known to have
        self._child: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        """Does a worker answer? A busy one gets time to, as long as its master lives."""
        if self._worker_pid() is not None:
            return True
        return self.master_pid() is not None and within(PATIENCE_S, self._worker_pid) is not None

    def serving(self) -> frozenset[str]:
        """The servers that the running back end uses, or that still answer, for a controller that adopts it. Raises
        BalancerError where they cannot be known."""
        statistics = within(READY_S, self.read)
        if statistics is None:
            raise BalancerError("HAProxy runs, but does not tell its servers")
        return statistics.ready | {name for name, in_flight in statistics.servers.items() if in_flight}

    def read(self) -> Statistics:
        """The current worker's statistics. Raises OSError or ValueError where there are none."""
        text = ask(self._admin, "show info;show stat")
        return parse_statistics(text, "entry", self._site.service)

    def apply(self, members: Sequence[Member]) -> str:
        """Serve exactly these members: write the file, then start HAProxy, reload it, or set its servers; returns
        `start`, `reload`, `runtime` or `none`. Raises BalancerError; then file and process are what they were."""
        with self._lock:
            self._draining &= {member.name for member in members}
            wanted = servers_of(self._site, members, self._slots, self._draining)
            how = self._way(wanted)
            if how == "none":
                return how
            previous = self._config.read_text() if self._config.exists() else None
            self._write(render(self._site, wanted, self._waiting))
            try:
                if how == "runtime":
                    self._set(wanted)
                elif how == "start":
                    self._start()
                else:
                    self._retire(wanted)
                    self._reload()
                self._served = wanted
            except Exception:
                self._served = None
                if previous is not None:
                    self._write(previous)
                raise
            return how

    def _way(self, wanted: list[Server]) -> str:
        """The cheapest way to make the running HAProxy have these servers."""
        if not self.running():
            return "start"
        if self._served is None:
            return "reload"
        if wanted == self._served:
            return "none"
        same = {server.name for server in wanted} == {server.name for server in self._served}
        return "runtime" if self._slots and same else "reload"

    def _retire(self, wanted: list[Server]) -> None:
        """Servers that the next worker will not have get no request from this one either: it may be a while."""
        names = {server.name for server in wanted}
        gone = [each.name for each in self._served or [] if not each.disabled and each.name not in names]
        with contextlib.suppress(BalancerError):
            if gone:
                self._ask_admin(";".join(f"set server {self._site.service}/{name} state maint" for name in gone))

    def _set(self, wanted: list[Server]) -> None:
        """Set the servers whose state differs. The order of the lines, which a start heeds, does not matter here."""
        before = {server.name: server.disabled for server in self._served or []}
        changed = [server for server in wanted if server.disabled != before[server.name]]
        commands = [
            f"set server {self._site.service}/{server.name} state {'maint' if server.disabled else 'ready'}"
            for server in changed
        ]
        for start in range(0, len(commands), COMMANDS_AT_ONCE):
            answer = self._ask_admin(";".join(commands[start : start + COMMANDS_AT_ONCE])).strip()
            if answer:
                self._served = None  # some may be set: the next change reloads, and makes all certain
                raise BalancerError(f"HAProxy would not set servers: {answer}")

    def drain(self, name: str) -> None:
        """No worker, old or new, gives the server another request. Raises BalancerError."""
        with self._lock:
            self._draining |= {name}
            command = f"set server {self._site.service}/{name} state maint"
            answer = self._ask_admin(command)
            if answer.strip():
                raise BalancerError(f"HAProxy would not drain {name}: {answer.strip()}")
            self._note(name, disabled=True)
            for pid in self._processes().old_pids:
                self._ask_master(f"@!{pid} {command}")  # one that ended meanwhile has nothing to drain

    def undrain(self, name: str) -> None:
        """The current worker gives the server requests again; old ones, which end soon, do not. Raises
        BalancerError."""
        with self._lock:
            self._draining -= {name}
            answer = self._ask_admin(f"set server {self._site.service}/{name} state ready").strip()
            if answer:
                raise BalancerError(f"HAProxy would not take {name} back: {answer}")
            self._note(name, disabled=False)

    def _note(self, name: str, disabled: bool) -> None:
        """Keep the file true after a server was set by itself."""
        if self._served is not None:
            self._served = [replace(s, disabled=disabled) if s.name == name else s for s in self._served]
            self._write(render(self._site, self._served, self._waiting))

    def cut(self, name: str) -> None:
        """End what is still in flight at a server that is gone: no answer will come. Raises BalancerError."""
        command = f"shutdown sessions server {self._site.service}/{name}"
        self._ask_admin(command)  # after a reload the current worker does not know the server, which it says
        for pid in self._processes().old_pids:
            self._ask_master(f"@!{pid} {command}")

    def in_flight(self, name: str) -> int:
        """Requests that the server has in any worker."""
        current = self.read().servers.get(name, 0)
        return current + sum(self._old_in_flight(pid, name) for pid in self._processes().old_pids)

    def stop(self, grace_s: float = 5.0) -> None:
        """Finish what is in flight (bounded), then end. Does nothing where HAProxy does not run."""
        with self._lock:
            for number, seconds in ((signal.SIGUSR1, grace_s), (signal.SIGTERM, READY_S), (signal.SIGKILL, 1.0)):
                within(seconds, partial(self._end, number), pause_s=0.1)
            self._kill_all()

    def master_pid(self) -> int | None:
        """The recorded master's pid, if that process is still this HAProxy."""
        try:
            pid = int(self._pid_file.read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self._config).encode() in arguments else None

    # How it is done

    def _kill_all(self) -> None:
        """End what there is of this HAProxy, workers that hang or have lost their master included."""
        for comm in Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                arguments = comm.with_name("cmdline").read_bytes().split(b"\0")
                if comm.read_text() == "haproxy\n" and str(self._config).encode() in arguments:
                    os.kill(int(comm.parent.name), signal.SIGKILL)
        if self._child is not None:
            self._child.wait()

    def _start(self) -> None:
        self._kill_all()  # a master whose worker is gone, or a worker that hangs, would keep the ports
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [*PRIORITY, "haproxy", "-W", "-S", f"{self._master},mode,600", "-f", self._config,
                 "-p", self._pid_file],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        child, offset = self._child, self._log.stat().st_size
        started = within(READY_S, lambda: self._worker_pid() or (child.poll() is not None and -1) or None)
        if started in (None, -1):
            raise BalancerError(f"HAProxy did not start: {self._complaint(offset)}")

    def _reload(self) -> None:
        """Reload and see to it that a new worker really serves: HAProxy 2.6 answers nothing, later ones `Success=`."""
        before, offset = self._processes(), self._log.stat().st_size
        self._before_reload()
        answer = within(1.0, lambda: ask(self._master, "reload", READY_S))
        if answer is None or "Success=0" in answer:
            raise BalancerError(f"HAProxy refused to reload: {self._complaint(offset)}")
        outcome = within(READY_S, lambda: self._reload_outcome(before))
        if outcome is not True:
            raise BalancerError(f"HAProxy refused to reload: {self._complaint(offset)}")

    def _reload_outcome(self, before: Processes) -> bool | None:
        """True when another worker answers, False when HAProxy counted a failed reload, None while neither is so."""
        pid = self._worker_pid()
        if pid is not None and pid != before.worker_pid:
            return True
        now = parse_processes(ask(self._master, "show proc"))
        return False if now.failed_reloads > before.failed_reloads else None

    def _worker_pid(self) -> int | None:
        with contextlib.suppress(OSError):
            for line in ask(self._admin, "show info").splitlines():
                if line.startswith("Pid: "):
                    return int(line.removeprefix("Pid: "))
        return None

    def _processes(self) -> Processes:
        """The master's list; it is deaf for a moment around reloads, hence the patience."""
        processes = within(2.0, lambda: parse_processes(ask(self._master, "show proc")), pause_s=0.02)
        if processes is None:
            raise BalancerError("HAProxy's master does not answer")
        return processes

    def _ask_admin(self, command: str) -> str:
        answer = within(1.0, lambda: ask(self._admin, command))
        if answer is None:
            raise BalancerError("HAProxy does not answer")
        return answer

    def _ask_master(self, command: str) -> str:
        return within(1.0, lambda: ask(self._master, command), pause_s=0.02) or ""

    def _old_in_flight(self, pid: int, name: str) -> int:
        table = self._ask_master(f"@!{pid} show info;@!{pid} show stat")
        try:
            return parse_statistics(table, "entry", self._site.service).servers.get(name, 0)
        except ValueError:
            if pid in self._processes().old_pids:
                raise
            return 0  # it has ended meanwhile

    def _complaint(self, offset: int) -> str:
        """What HAProxy wrote since `offset`, its alerts only, in one line."""
        with self._log.open("rb") as log:
            log.seek(offset)
            lines = log.read().decode(errors="replace").splitlines()
        alerts = [line.partition(" : ")[2] for line in lines if line.startswith("[ALERT]")]
        return "; ".join(alerts[:2]) or f"no reason given, see {self._log}"

    def _write(self, text: str) -> None:
        partial = self._config.with_suffix(".new")
        partial.write_text(text)
        partial.rename(self._config)

    def _end(self, number: signal.Signals) -> bool | None:
        """Send the signal, again at each call: a master that is just reloading loses it. True when it has ended."""
        if self._child is not None:
            self._child.poll()  # reaps it
        pid = self.master_pid()
        if pid is None:
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return None


def prepare_run_dir(site: Site) -> None:
    """Make the run directory: HAProxy's workers may pass through it to the log socket, only root may do more."""
    site.admin_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(site.run_dir, 0, grp.getgrnam("haproxy").gr_gid)
    site.run_dir.chmod(0o710)
