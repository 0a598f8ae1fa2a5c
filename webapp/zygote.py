"""A process with the application loaded that forks instances of it into containers: `python3 -m webapp.zygote FD`.

It runs as root in the template's root filesystem and is ordered by the SOCK_SEQPACKET socket FD:

    zygote → "ready"                          once, when it can fork
    → "fork", with descriptors: a reply socket, a pidfd of a container's first process, and the
      `cgroup.procs` file of each control group that the first process is in
    reply socket ← "serving" by the instance itself (so the sender's credentials tell its pid), or "error <why>"

Any other message is answered with "error <why>", on FD where it brought no reply socket. The end of the stream, or an
empty message, ends the zygote; instances that it has forked go on.

What clones share: the layout of the address space, the stack protector's secret and the hash seed of `str` are those of
the zygote, the same in all its instances until a new zygote is started. Who learns them from one instance knows them
for all; a plain boot has its own. Random numbers are not shared: `random` is seeded afresh in each instance, and
`secrets`, `uuid4` and `os.urandom` ask the kernel. An instance's /proc/<pid>/exe is the template's Python itself,
through a read-only mount, not the overlay's view of it.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import socket
import stat
import sys
import threading
import time
from wsgiref.util import setup_testing_defaults

from flask import Flask

from webapp import kernel
from webapp.__main__ import STOP_SIGNALS, stop
from webapp.app import create_app
from webapp.likeness import become_like_first, check_place
from webapp.server import build_server
from webapp.settings import Settings
from webapp.sockets import keep_to_families

MESSAGE_BYTES = 512
DESCRIPTORS = 34  # a reply socket, a pidfd, and more control groups than any kernel has hierarchies
WARM_UP = ("/healthz", "/integral/0/1", "/no/such/url")
FREE = WARM_UP[:1]  # what no rate limit counts
THREADS_END_S = 2.0


class RequestError(Exception):
    """The message is not one that the zygote understands."""


class Zygote:
    """The loaded application, and the loop that forks it."""

    def __init__(self, control: socket.socket, settings: Settings) -> None:
        self._control = control
        self._settings = settings
        warm_up(create_app(settings), WARM_UP)
        self._app = create_app(settings)  # its rate limiter has seen no request
        warm_up(self._app, FREE)
        self._self_fd = os.pidfd_open(os.getpid())  # the way back into our own pid namespace

    def run(self) -> None:
        """Fork on request until the other end closes. Raises RuntimeError when another thread does not end."""
        await_single_thread()
        gc.collect()
        gc.freeze()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing to reap: a zombie would hold up its container's end
        self._control.send(b"ready")
        while self._handle_request():
            pass

    def _handle_request(self) -> bool:
        """Take one message and carry it out; False at the end of the stream."""
        try:
            message, descriptors, flags, _ = socket.recv_fds(self._control, MESSAGE_BYTES, DESCRIPTORS)
        except ConnectionError:  # the controller closed the socket with answers unread
            return False
        if not message and not descriptors:
            return False
        try:
            check_request(message, descriptors, flags)
            self._fork(*descriptors)
        except (RequestError, OSError) as error:
            answer_error(descriptors, self._control, error)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _fork(self, reply_fd: int, pidfd: int, *cgroups: int) -> None:
        """Fork twice: the container's first process then is the parent, so nobody outside has to reap the instance."""
        kernel.join_pids(pidfd)
        try:
            if os.fork() == 0:
                self._fork_again(reply_fd, pidfd, cgroups)
        finally:
            kernel.join_pids(self._self_fd)

    def _fork_again(self, reply_fd: int, pidfd: int, cgroups: tuple[int, ...]) -> None:
        """Never returns, and no exception leaves it: the zygote's own code is not for its children."""
        status = 1
        reply: socket.socket | None = None
        try:
            reply = socket.socket(fileno=reply_fd)
            placed, place = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(place)
                status = self._live(reply, pidfd, placed)
            else:
                # Here, because it can take 10 ms: the kernel waits for all its readers of control groups.
                for procs in cgroups:
                    os.write(procs, str(child).encode())
                os.write(place, b"1")
                status = 0
        except Exception as error:
            if reply is not None:
                reply.send(f"error {type(error).__name__}: {error}".encode()[:MESSAGE_BYTES])
        finally:
            os._exit(status)

    def _live(self, reply: socket.socket, pidfd: int, placed: int) -> int:
        """The life of an instance, from the fork to its exit status."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        close_all_but(reply.fileno(), placed, pidfd)
        become_like_first(pidfd)
        os.close(pidfd)
        random.seed()
        return self._serve(reply, placed)

    def _serve(self, reply: socket.socket, placed: int) -> int:
        """What `webapp.__main__` does after its imports."""
        for number in STOP_SIGNALS:
            signal.signal(number, stop)
        keep_to_families()
        settings = Settings.from_environ(os.environ)
        app = self._app if settings == self._settings else create_app(settings)
        server = build_server(settings, app)
        gc.enable()
        print(f"webapp: listening on {settings.host}:{server.effective_port}", file=sys.stderr, flush=True)
        if os.read(placed, 1) != b"1":
            return 1  # the process that was to say so has said why not
        os.close(placed)
        check_place()
        reply.send(b"serving")
        reply.close()
        server.run()
        return 0


def check_request(message: bytes, descriptors: list[int], flags: int) -> None:
    """Raise RequestError unless this is a request to fork."""
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise RequestError(f"longer than {MESSAGE_BYTES} bytes, or more than {DESCRIPTORS} descriptors")
    if message != b"fork":
        raise RequestError(f"unknown request {message[:40]!r}")
    if len(descriptors) < 2:
        raise RequestError(f"fork needs a reply socket and a pidfd, and came with {len(descriptors)} descriptors")
    if not stat.S_ISSOCK(os.fstat(descriptors[0]).st_mode):
        raise RequestError("the first descriptor is no socket to reply on")


def close_all_but(*kept: int) -> None:
    """Close every descriptor save the standard ones and these."""
    after = 3
    for descriptor in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        os.closerange(after, descriptor)
        after = descriptor + 1


def answer_error(descriptors: list[int], control: socket.socket, error: Exception) -> None:
    """Tell why nothing was forked, on the reply socket where the message brought one."""
    text = f"error {error}".encode()[:MESSAGE_BYTES]
    try:
        os.write(descriptors[0], text) if descriptors else control.send(text)
    except OSError:
        print(f"zygote: {text.decode(errors='replace')}", file=sys.stderr, flush=True)


def warm_up(app: Flask, paths: tuple[str, ...]) -> None:
    """Make the application do now what it does at its first requests only."""
    for path in paths:
        environ = {"PATH_INFO": path, "QUERY_STRING": "n_max=10"}
        setup_testing_defaults(environ)
        for _ in app(environ, lambda _status, _headers, _exc_info=None: lambda _body: None):
            pass


def await_single_thread() -> None:
    """Wait for the rate limiter's timer, a thread of some milliseconds: a fork would copy its locks as they are."""
    deadline = time.monotonic() + THREADS_END_S
    while threading.active_count() > 1:
        if time.monotonic() > deadline:
            raise RuntimeError(f"threads that do not end: {threading.enumerate()}")
        time.sleep(0.005)


def main() -> int:
    """Run until the socket's other end closes; the exit status."""
    gc.disable()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        Zygote(control, Settings.from_environ(os.environ)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
