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
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import jinja2

from controller.fleet import Member
from controller.ports import ControllerError
from controller.site import Site
from controller.statistics import Processes, Statistics, parse_processes, parse_statistics

TEMPLATE = Path(__file__).parent.parent / "haproxy" / "haproxy.cfg.j2"
T = TypeVar("T")
READY_S = 10.0  # the longest that a start, a reload or a stop may take


class BalancerError(ControllerError):
    """HAProxy did not do what was asked; what it did before, it still does."""


def render(site: Site, members: Iterable[Member], draining: frozenset[str] = frozenset()) -> str:
    """The configuration for these members; a draining one gets no request from a worker that starts with it."""
    servers = [
        {
            "name": member.name,
            "address": site.address(member.slot),
            "state": " disabled" if member.draining or member.name in draining else "",
        }
        for member in members
    ]
    template = jinja2.Template(TEMPLATE.read_text(), undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    text: str = template.render(
        admin_socket=site.admin_dir / "haproxy.sock", log_socket=site.run_dir / "log.sock",
        entry=site.entry, stats=site.stats, service=site.service, health_path=site.health_path, port=site.port,
        servers=servers,
    )  # fmt: skip
    return text


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
    """The balancer of one site. Methods block; they may be called from several threads."""

    def __init__(self, site: Site, before_reload: Callable[[], None] = lambda: None) -> None:
        self._site = site
        self._before_reload = before_reload  # the old worker's counters are about to go: the last moment to read them
        self._config = site.run_dir / "haproxy.cfg"
        self._log = site.run_dir / "haproxy.log"
        self._pid_file = site.run_dir / "haproxy.pid"
        self._admin = site.admin_dir / "haproxy.sock"
        self._master = site.admin_dir / "master.sock"
        self._lock = threading.RLock()
        self._draining: frozenset[str] = frozenset()
        self._served: str | None = None  # the configuration that the running worker was seen to start with
        self._child: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        return self._worker_pid() is not None

    def serving(self) -> frozenset[str]:
        """The servers of the running back end, for a controller that adopts it."""
        statistics = within(1.0, self.read)
        return frozenset(statistics.servers) if statistics else frozenset()

    def read(self) -> Statistics:
        """The current worker's statistics. Raises OSError or ValueError where there are none."""
        text = ask(self._admin, "show info;show stat")
        return parse_statistics(text, "entry", self._site.service)

    def apply(self, members: Sequence[Member]) -> None:
        """Serve exactly these members: write the file, then start or reload. Raises BalancerError; then file and
        process are what they were."""
        with self._lock:
            self._draining &= {member.name for member in members}
            wanted, running = render(self._site, members, self._draining), self.running()
            if running and wanted == self._served:
                return
            previous = self._config.read_text() if self._config.exists() else None
            self._write(wanted)
            try:
                self._reload() if running else self._start()
                self._served = wanted
            except BalancerError:
                if previous is not None:
                    self._write(previous)
                raise

    def drain(self, name: str) -> None:
        """No worker, old or new, gives the server another request. Raises BalancerError."""
        with self._lock:
            self._draining |= {name}
            command = f"set server {self._site.service}/{name} state maint"
            answer = self._ask_admin(command)
            if answer.strip():
                raise BalancerError(f"HAProxy would not drain {name}: {answer.strip()}")
            for pid in self._processes().old_pids:
                self._ask_master(f"@!{pid} {command}")  # one that ended meanwhile has nothing to drain

    def in_flight(self, name: str) -> int:
        """Requests that the server has in any worker."""
        current = self.read().servers.get(name, 0)
        return current + sum(self._old_in_flight(pid, name) for pid in self._processes().old_pids)

    def stop(self, grace_s: float = 5.0) -> None:
        """Finish what is in flight (bounded), then end. Does nothing where HAProxy does not run."""
        with self._lock:
            for number, seconds in ((signal.SIGUSR1, grace_s), (signal.SIGTERM, READY_S), (signal.SIGKILL, 1.0)):
                within(seconds, partial(self._end, number), pause_s=0.1)

    def master_pid(self) -> int | None:
        """The recorded master's pid, if that process is still this HAProxy."""
        try:
            pid = int(self._pid_file.read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self._config).encode() in arguments else None

    # How it is done

    def _start(self) -> None:
        self.stop(grace_s=0)  # a master whose worker is gone would keep the ports
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                ["haproxy", "-W", "-S", f"{self._master},mode,600", "-f", self._config, "-p", self._pid_file],
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
        with contextlib.suppress(ValueError):
            return parse_statistics(table, "entry", self._site.service).servers.get(name, 0)
        return 0

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
    site.run_dir.mkdir(mode=0o710, exist_ok=True)
    os.chown(site.run_dir, 0, grp.getgrnam("haproxy").gr_gid)
    site.admin_dir.mkdir(mode=0o700, exist_ok=True)
