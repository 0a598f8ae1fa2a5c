"""HAProxy in master-worker mode: rendered, started or adopted, reloaded with proof, drained and stopped.

It runs in a session of its own, so that it goes on serving when the controller is killed; the next controller finds it
by its master socket.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from controller import haproxy_log
from controller.actions import Member
from controller.haproxy_config import Server, Waiting, render, server_is_enabled, servers_of
from controller.haproxy_sockets import PATIENCE_S, BalancerError, Found, Sockets, ask, listens, within
from controller.processes import Words, lives, processes, program
from controller.site import Site
from controller.statistics import Processes, Statistics, parse_processes

COMMANDS_AT_ONCE = 100  # HAProxy reads a command line of at most 16 KiB
LEAVING_S = 0.5  # an HAProxy on whose socket nobody has listened for so long takes no requests any more
PRIORITY = ("nice", "-n", "-10")  # requests, and the reloads they wait for, go before boots
READY_S = 10.0  # the longest that a start, a reload or a stop may take


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
        self._sockets = Sockets(site, self._has_ended)
        self._lock = threading.RLock()
        self._draining: frozenset[str] = frozenset()
        self._served: list[Server] | None = None  # what the running worker is known to have
        self._child: subprocess.Popen[bytes] | None = None
        self._known_pid: int | None = None  # of the master, while one is known

    def running(self) -> bool:
        """Does a worker answer? A busy one gets time to, as long as its master lives and it takes connections."""
        if self._sockets.worker_pid() is not None:
            return True
        if not self.masters():
            return False
        listening = within(LEAVING_S, lambda: listens(str(self._sockets.admin)) or self._has_ended() or None)
        if listening is None or self._has_ended():
            return False
        return within(PATIENCE_S, self._sockets.worker_pid) is not None

    def find(self) -> Found:
        """What a controller that adopts HAProxy has to know; one that only finishes its last requests tells it too, and
        of one that is gone its file tells the rest. Raises BalancerError where it cannot be known."""
        if not self.masters():
            return Found(wanted=self._recorded())
        with contextlib.suppress(BalancerError):
            if (found := within(PATIENCE_S, self._sockets.find, pause_s=0.02)) is not None:
                return found
        if self.running():
            raise BalancerError("HAProxy runs, but does not tell its servers")
        return Found(wanted=self._recorded())

    def _recorded(self) -> int:
        """How many servers the file has that are not disabled."""
        with contextlib.suppress(OSError):
            return sum(server_is_enabled(line) for line in self._config.read_text().splitlines())
        return 0

    def read(self) -> Statistics:
        """The current worker's statistics. Raises OSError or ValueError where there are none."""
        return self._sockets.read()

    def apply(self, members: Sequence[Member]) -> str:
        """Serve exactly these members: write the file, then start HAProxy, reload it, or set its servers; returns
        `start`, `reload`, `runtime` or `none`. Raises BalancerError; then file and process are what they were."""
        with self._lock:
            gone = self._used() - {member.name for member in members}
            self._draining -= gone
            wanted = servers_of(self._site, members, self._slots, self._draining)
            how = self._way(wanted)
            if how != "start":
                self._retire(gone)
            if how == "none":
                return how
            previous = self._config.read_text() if self._config.exists() else None
            self._write(render(self._site, wanted, self._waiting))
            try:
                how = self._make(how, wanted)
                self._served = wanted
            except Exception:
                self._served = None
                if previous is not None:
                    self._write(previous)
                raise
            return how

    def _make(self, how: str, wanted: list[Server]) -> str:
        """Have HAProxy do it. One that ends meanwhile is started at once, that of an earlier controller, too."""
        self.master_pid()
        try:
            if how == "runtime":
                self._set(wanted)
            elif how == "start":
                self._start()
            else:
                self._reload()
        except BalancerError:
            if how == "start" or not self._has_ended():
                raise
            self._start()
            return "start"
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

    def _used(self) -> set[str]:
        """The servers that have requests, or may have."""
        return {each.name for each in self._served or [] if not each.disabled} | self._draining

    def _retire(self, names: set[str]) -> None:
        """What is no member any more gets no request from this worker either, and what it still has is ended: HAProxy
        sends again elsewhere what may be sent again."""
        for server in (f"{self._site.service}/{name}" for name in sorted(names)):
            with contextlib.suppress(BalancerError):
                self._sockets.ask_admin(f"set server {server} state maint;shutdown sessions server {server}")

    def _set(self, wanted: list[Server]) -> None:
        """Set the servers whose state differs. The order of the lines, which a start heeds, does not matter here."""
        before = {server.name: server.disabled for server in self._served or []}
        changed = [server for server in wanted if server.disabled != before[server.name]]
        commands = [
            f"set server {self._site.service}/{server.name} state {'maint' if server.disabled else 'ready'}"
            for server in changed
        ]
        for start in range(0, len(commands), COMMANDS_AT_ONCE):
            answer = self._sockets.ask_admin(";".join(commands[start : start + COMMANDS_AT_ONCE])).strip()
            if answer:
                self._served = None  # some may be set: the next change reloads, and makes all certain
                raise BalancerError(f"HAProxy would not set servers: {answer}")

    def drain(self, name: str) -> None:
        """No worker, old or new, gives the server another request. Raises BalancerError."""
        with self._lock:
            self._draining |= {name}
            command = f"set server {self._site.service}/{name} state maint"
            answer = self._sockets.ask_admin(command)
            if answer.strip():
                raise BalancerError(f"HAProxy would not drain {name}: {answer.strip()}")
            self._note(name, disabled=True)
            for pid in self._sockets.processes().old_pids:
                self._sockets.ask_master(f"@!{pid} {command}")  # one that ended meanwhile has nothing to drain

    def undrain(self, name: str) -> None:
        """The current worker gives the server requests again; old ones, which end soon, do not. Raises
        BalancerError."""
        with self._lock:
            self._draining -= {name}
            answer = self._sockets.ask_admin(f"set server {self._site.service}/{name} state ready").strip()
            if answer:
                raise BalancerError(f"HAProxy would not take {name} back: {answer}")
            self._note(name, disabled=False)

    def _note(self, name: str, disabled: bool) -> None:
        """Keep the file true after a server was set by itself."""
        if self._served is not None:
            self._served = [replace(s, disabled=disabled) if s.name == name else s for s in self._served]
            self._write(render(self._site, self._served, self._waiting))

    def in_flight(self, name: str) -> int:
        """Requests that the server has in any worker. Raises OSError, ValueError, BalancerError."""
        return self._sockets.in_flight(name)

    def stop(self, grace_s: float = 5.0) -> None:
        """Finish what is in flight (bounded), then end. Does nothing where HAProxy does not run."""
        with self._lock:
            for number, seconds in ((signal.SIGUSR1, grace_s), (signal.SIGTERM, READY_S), (signal.SIGKILL, 1.0)):
                within(seconds, partial(self._end, number), pause_s=0.1)
            self._kill_all()

    def master_pid(self) -> int | None:
        """The recorded master's pid, if that process is still this HAProxy."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            if self._is_ours(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")):
                self._known_pid = pid
                return pid
        return None

    def masters(self) -> list[int]:
        """The pids of all masters, recorded or not: one that just starts, and one that finishes its last requests, too.
        Each begins a session of its own."""
        return [each.pid for each in processes(self._is_ours) if each.pid == each.session]

    # How it is done

    def _has_ended(self) -> bool:
        """Was a master known, and is its process gone? One that loads itself anew is there, though its pid file and its
        command line are not for a moment."""
        return self._known_pid is not None and not lives(self._known_pid)

    def _is_ours(self, words: Words) -> bool:
        return program(words) in ("haproxy", PRIORITY[0]) and os.fsencode(self._config) in words

    def _kill_all(self) -> None:
        """End what there is of this HAProxy, workers that hang or have lost their master included."""
        for each in processes(self._is_ours):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        if self._child is not None:
            self._child.wait()

    def _start(self) -> None:
        self._make_way()
        haproxy_log.bound(self._log)
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [*PRIORITY, "haproxy", "-W", "-S", f"{self._sockets.master},mode,600", "-f", self._config,
                 "-p", self._pid_file],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._known_pid = self._child.pid
        child, offset = self._child, self._log.stat().st_size
        started = within(READY_S, lambda: self._sockets.worker_pid() or (child.poll() is not None and -1) or None)
        if started in (None, -1):
            raise BalancerError(f"HAProxy did not start: {haproxy_log.complaint(self._log, offset)}")

    def _make_way(self) -> None:
        """An earlier HAProxy that takes no more requests finishes those that it has. Any other would keep the ports: a
        master whose worker is gone, a worker that hangs."""
        host, _, port = self._site.entry.rpartition(":")
        if listens((host, int(port))):
            self._kill_all()
        else:
            self._end(signal.SIGUSR1)

    def _reload(self) -> None:
        """Reload and see to it that a new worker really serves: HAProxy 2.6 answers nothing, later ones `Success=`."""
        haproxy_log.bound(self._log)
        before, offset = self._sockets.processes(), self._log.stat().st_size
        self._before_reload()
        answer = within(1.0, lambda: "" if self._has_ended() else ask(self._sockets.master, "reload", READY_S))
        was_taken = answer is not None and "Success=0" not in answer
        if not was_taken or within(READY_S, lambda: self._reload_outcome(before)) is not True:
            raise BalancerError(f"HAProxy refused to reload: {haproxy_log.complaint(self._log, offset)}")

    def _reload_outcome(self, before: Processes) -> bool | None:
        """True when another worker answers, False when HAProxy counted a failed reload or has ended, None while neither
        is so."""
        if self._has_ended():
            return False
        pid = self._sockets.worker_pid()
        if pid is not None and pid != before.worker_pid:
            return True
        now = parse_processes(ask(self._sockets.master, "show proc"))
        return False if now.failed_reloads > before.failed_reloads else None

    def _write(self, text: str) -> None:
        (new := self._config.with_suffix(".new")).write_text(text)
        new.rename(self._config)

    def _end(self, number: signal.Signals) -> bool | None:
        """Send the signal, again at each call: a master that is just reloading loses it. True when it has ended."""
        if self._child is not None:
            self._child.poll()  # reaps it
        for pid in (pids := self.masters()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return None if pids else True
