"""The fast way to start an instance: a zygote, which has the application loaded, forks it into its container.

`webapp.zygote` says what the two say to each other. The zygote runs in the template's root filesystem, read-only and
with an empty network namespace, and ends with this process, for whatever reason: its socket closes.
"""

import contextlib
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from controller.ports import ControllerError
from controller.spelling import plain
from controller.usage import cpu_file, memberships

START_S = 10.0  # the longest that a zygote may take to load the application, then to fork an instance that listens
FORK_S = 3.0
STOP_S = 1.0
TRIES = 3  # boots that fail one after the other, until this host is taken for one where none succeeds
MESSAGE_BYTES = 512
LAST_BYTES, LONGEST_LINE = 4096, 300
CREDENTIALS = struct.Struct("=iII")  # struct ucred: pid, uid, gid
CGROUPS = Path("/sys/fs/cgroup")
PAUSE = "/bin/sleep infinity"  # the first process of a container that an instance is forked into
PATHS = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
# `$1` is the root, `$2` the socket. Read-only, for the zygote runs as root on the files that all instances share.
# The empty hierarchy of control groups, which only the zygote sees and which ends with it, is there for its option:
# while one has it, the kernel moves a process into a control group at once, else it first waits some 15 ms for all that
# fork. Kernels before 6.0, and those without version 1 of control groups, refuse it, and wait.
SCRIPT = (
    'mount --bind -o ro "$1" "$1" && mount -t tmpfs -o size=64k tmpfs "$1/objects" && '
    '{ mount -t cgroup -o none,name=tidebed,favordynmods none "$1/tmp" 2>/dev/null; true; } && '
    'exec unshare --root="$1" --wd=/opt/webapp /usr/bin/python3 -m webapp.zygote "$2"'
)
COMMAND = ("unshare", "--mount", "--net", "sh", "-c", SCRIPT, "sh")


class ZygoteError(ControllerError):
    """No instance was forked; the message says why. The instance can still boot by exec."""


class Zygote:
    """One zygote process, replaced when it dies and when the template changes. May be used from several threads."""

    def __init__(self, template: Path, environment: Mapping[str, str], log_file: Path) -> None:
        self._template = template
        self._environment = {**PATHS, **environment}
        self._log_file = log_file
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = False
        self._stamp = ""
        self._failures = 0

    def start(self) -> None:
        """Begin to load the application, unless that was begun. Raises ZygoteError."""
        with self._lock:
            self._start_current()

    def await_ready(self) -> None:
        """Wait until there is a zygote of the present template.

        Raises ZygoteError when the last one died (the next is then being started), or forking always fails here.
        """
        with self._lock:
            if self._failures >= TRIES:
                self._stop()
                raise ZygoteError(f"the zygote failed {TRIES} times in a row")
            self._start_current()
            if not self._ready:
                self._await_loaded()

    def fork(self, first: int) -> int:
        """Have an instance forked into the container of this first process; the instance's pid, when it listens.

        Raises ZygoteError; what was forked into the container is then of no use.
        """
        control = self._control
        try:
            pid = self._request(control, first)
        except ZygoteError:
            self._failures += 1
            raise
        except OSError as error:
            self._replace(control)
            raise ZygoteError(f"zygote: {error}") from error
        self._failures = 0
        return pid

    def close(self) -> None:
        """End the zygote. The instances go on."""
        with self._lock:
            self._stop()

    def _replace(self, broken: socket.socket | None) -> None:
        """Begin to start another zygote in place of the one with this socket, unless that was done meanwhile."""
        with self._lock, contextlib.suppress(ZygoteError):
            if self._control is broken:
                self._failures += 1  # of this zygote, however many boots it fails
                self._stop()
                self._start_current()

    def _start_current(self) -> None:
        stamp = _stamp(self._template)
        if self._process is not None and self._process.poll() is None and stamp == self._stamp:
            return
        died = self._process is not None and self._process.poll() is not None
        self._stop()
        self._launch(stamp)
        if died:
            raise ZygoteError(f"the zygote ended: {last_line(self._log_file)}")

    def _launch(self, stamp: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._log_file.open("ab") as messages:
            try:
                self._process = subprocess.Popen(
                    [*COMMAND, str(self._template / "rootfs"), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, env=self._environment,
                    pass_fds=[theirs.fileno()], start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                self._stop()
                raise ZygoteError(f"zygote: {error}") from error
        self._stamp = stamp

    def _await_loaded(self) -> None:
        assert self._control is not None
        self._control.settimeout(START_S)
        try:
            told = self._control.recv(MESSAGE_BYTES)
        except OSError as error:
            told = str(error).encode()
        if told != b"ready":
            self._stop()
            self._failures += 1
            raise ZygoteError(f"the zygote did not start: {told.decode(errors='replace') or last_line(self._log_file)}")
        self._ready = True

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process, self._control, self._ready = None, None, False

    def _request(self, control: socket.socket | None, first: int) -> int:
        if control is None:
            raise ZygoteError("the zygote ended")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            ours.settimeout(FORK_S)
            with theirs, _opened(first) as descriptors:
                socket.send_fds(control, [b"fork"], [theirs.fileno(), *descriptors])
            return _answer(ours)


@contextlib.contextmanager
def _opened(first: int) -> Iterator[list[int]]:
    """Descriptors for a container's first process and the control groups that it is in. Raises OSError."""
    descriptors = [os.pidfd_open(first)]
    try:
        for path in cgroups(first):
            descriptors.append(os.open(path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def cgroups(pid: int) -> list[Path]:
    """The folders of the control groups that a process is in, in each hierarchy of the host. Raises OSError."""
    folders = []
    for controllers, path in memberships(pid):
        name = controllers.removeprefix("name=")
        if not name:
            name = "" if (CGROUPS / "cgroup.controllers").exists() else "unified"
        if os.path.isdir(CGROUPS / name):  # noqa: PTH112  a name that cannot be is none
            folders.append(CGROUPS / name / path.lstrip("/"))
    return folders


def await_pause(first: int) -> None:
    """Wait until a container's first process, which LXC has just started, pauses. Raises ZygoteError."""
    deadline = time.monotonic() + START_S
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            if _pauses(first):
                return
            time.sleep(0.002)
    raise ZygoteError("its first process ended")


def _pauses(first: int) -> bool:
    return Path(f"/proc/{first}/cmdline").read_bytes().split(b"\0")[:-1] == PAUSE.encode().split()


def application(first: int) -> int:
    """The application's pid, by that of its container's first process: that one, or what it lets run beside itself.

    Raises ZygoteError where the first process pauses and nothing else is there, OSError when it is gone.
    """
    if not _pauses(first):
        return first
    others = set(map(int, (cpu_file(first).parent / "cgroup.procs").read_text().split())) - {first}
    if not others:
        raise ZygoteError("its application ended")
    return max(others)


def _answer(reply: socket.socket) -> int:
    """The pid of the instance that says that it serves. Raises ZygoteError with what is said instead, OSError."""
    space = socket.CMSG_SPACE(CREDENTIALS.size)
    told, ancillary, _, _ = reply.recvmsg(MESSAGE_BYTES, space)
    if told != b"serving":
        raise ZygoteError(f"zygote: {told.decode(errors='replace') or 'the instance ended before it served'}")
    for _, kind, data in ancillary:
        if kind == socket.SCM_CREDENTIALS:
            pid: int = CREDENTIALS.unpack(data)[0]
            return pid
    raise ZygoteError("zygote: the instance's pid is not told")


def _stamp(template: Path) -> str:
    try:
        return (template / "stamp").read_text()
    except OSError as error:
        raise ZygoteError(f"template: {error}") from error


def last_line(path: Path) -> str:
    """The last line of a log, empty where there is none: mostly it says what went wrong. It may be an instance's, which
    writes what it likes."""
    with contextlib.suppress(OSError), path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - LAST_BYTES))
        lines = log.read(LAST_BYTES).decode(errors="replace").strip().splitlines()
        return plain(lines[-1].strip())[:LONGEST_LINE] if lines else ""
    return ""


def first_error(path: Path) -> str:
    """What LXC's log tells first of all that failed: the rest mostly follows from it. Empty where nothing did."""
    with contextlib.suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            if " ERROR " in line and not line.endswith(": ignoring"):
                return line.partition(" - ")[2].partition(" - ")[2]
    return ""
