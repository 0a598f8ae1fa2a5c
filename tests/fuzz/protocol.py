"""What the controller and the zygote say to each other, and what the host tells of processes and containers."""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

from controller import usage
from controller import zygote as ours
from controller.site import Site
from tests.fuzz.target import Finding, Target, accepted, check_words, file_of, parts_of, require, scratch
from webapp import zygote as theirs

ORDERED_BYTES = 200_000
PLAIN_FILES = ("/dev/null", "/dev/zero", "/etc/hostname")
SEEN = b"12:cpu,cpuacct:/lxc/a\n11:freezer:/lxc/a\n1:name=systemd:/lxc/a\n0::/lxc/a\n"


def check(data: bytes) -> None:
    """One of the three, by the first byte."""
    kind, rest = parts_of(data, 3)
    (_check_order, _check_reply, _check_host)[kind](rest)


def _check_order(data: bytes) -> None:
    """A message to the zygote, with as many descriptors as its first byte says; it has no pidfd, so nothing is
    forked."""
    count, message = (data[0] % (theirs.DESCRIPTORS + 5), data[1:]) if data else (0, b"")
    before = _open_files()
    control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reply, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with control, other, reply, end, _descriptors(end, count) as descriptors:
        for each in (control, other, reply):
            each.setblocking(False)
        control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ORDERED_BYTES)
        socket.send_fds(control, [message[:ORDERED_BYTES]], descriptors)
        zygote = theirs.Zygote.__new__(theirs.Zygote)
        zygote._control, zygote._self_fd = other, os.open("/dev/null", os.O_RDONLY)
        goes_on = zygote._handle_request()
        os.close(zygote._self_fd)
        require(goes_on == bool(message or count), f"goes on: {goes_on}")
        if goes_on:
            _check_answer(_received(reply if count else control))
    require(_open_files() <= before, "a descriptor stays open")


@contextlib.contextmanager
def _descriptors(end: socket.socket, count: int) -> Iterator[list[int]]:
    """So many to send, a reply socket first."""
    opened = [os.open(path, os.O_RDONLY) for path in PLAIN_FILES]
    try:
        yield [end.fileno(), *(opened[number % len(opened)] for number in range(count - 1))] if count else []
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(ORDERED_BYTES)
    except BlockingIOError as error:
        raise Finding("the order is not answered") from error


def _check_answer(answer: bytes) -> None:
    require(answer.startswith(b"error ") and len(answer) <= theirs.MESSAGE_BYTES, f"answer: {answer!r}")
    check_words(answer.decode(errors="replace"))


def _check_reply(data: bytes) -> None:
    """What an instance says on its reply socket, or the zygote when it should be ready, with or without
    credentials."""
    kind, message = parts_of(data, 3)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        near.setblocking(False)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, kind == 1)
        far.send(message[:ORDERED_BYTES])
        far.close()
        if kind < 2:
            pid = accepted(lambda: ours._answer(near), ours.ZygoteError)
            require(pid is None or (message == b"serving" and pid == os.getpid()), f"pid {pid} of {message!r}")
        else:
            zygote = ours.Zygote(scratch(), {}, scratch() / "zygote.log")
            zygote._control = near
            accepted(zygote._await_loaded, ours.ZygoteError)
            require(zygote._ready == (message == b"ready"), f"ready after {message!r}")


def _check_host(data: bytes) -> None:
    """What the kernel, LXC and an instance's console tell."""
    kind, rest = parts_of(data, 5)
    text = rest.decode(errors="surrogateescape")
    if kind == 0 and "\0" not in text:
        _check_slot(text)
    elif kind == 1:
        used_s = accepted(lambda: usage.cpu_s(file_of("cpu.stat", rest)), ValueError)
        require(used_s is None or used_s >= 0, f"{used_s} s of CPU")
    elif kind == 2:
        used_s = accepted(lambda: usage.cpu_s(file_of("cpuacct.usage", rest)), ValueError)
        require(used_s is None or used_s >= 0, f"{used_s} s of CPU")
    elif kind == 3:
        if words := ours.last_line(file_of("console", rest)):
            check_words(words)
    else:
        _check_groups(file_of("cgroup", rest))


def _check_slot(name: str) -> None:
    site = Site()
    slot = site.slot(name)
    require(slot is None or name == site.container(f"{site.service}-{slot}"), f"{name!r} is said to be slot {slot}")


def _check_groups(path: Path) -> None:
    with patch.object(Path, "read_text", lambda _: path.read_bytes().decode(errors="surrogateescape")):
        accepted(lambda: ours.cgroups(os.getpid()), OSError)
        for controller in ("cpuacct", "freezer", "cpu"):
            accepted(partial(usage.control_file, os.getpid(), controller, "v1", "v2"), OSError)


def _seeds() -> Sequence[bytes]:
    orders = (b"\x03fork", b"\x00fork", b"\x01fork", b"\x26fork", b"\x00", b"\x02", b"\x00" + b"x" * 600, b"\x05ready")
    said = (b"serving", b"ready", b"error OSError: [Errno 1] setns: Operation not permitted", b"", b"x" * 600)
    told = (
        b"\x00tidebed-web-12", b"\x00tidebed-template", b"\x01usage_usec 123456\nuser_usec 100\nsystem_usec 23456\n",
        b"\x021234567890\n", b"\x03webapp: listening on 0.0.0.0:8000\nTraceback (most recent call last):\nError: no\n",
        b"\x04" + SEEN, b"\x040::/lxc.payload.a/x:y\n",
    )  # fmt: skip
    replies = [bytes([kind]) + each for kind in range(3) for each in said]
    return [bytes([kind]) + each for kind, several in enumerate((orders, replies, told)) for each in several]


TARGETS = (Target("zygote", check, _seeds),)
