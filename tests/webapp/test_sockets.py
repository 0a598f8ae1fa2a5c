"""The filter of socket families, in a process of its own: it cannot be taken off."""

import os
import subprocess
import sys

import pytest

from webapp.sockets import MACHINES

TRY = """
import errno, os, socket
from webapp.sockets import keep_to_families
keep_to_families()
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_VSOCK):
    try:
        socket.socket(family, socket.SOCK_DGRAM if family != socket.AF_VSOCK else socket.SOCK_STREAM).close()
        print("done")
    except OSError as error:
        print(errno.errorcode[error.errno])
socket.socketpair()
"""


def tried(**environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", TRY], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(os.uname().machine not in MACHINES, reason="the filter is not written for this machine")
def test_in_a_container_only_two_families_are_left() -> None:
    assert tried(container="lxc") == ["done", "done", "EPERM", "EPERM", "EPERM"]


def test_elsewhere_nothing_is_refused() -> None:
    assert tried(container="")[:4] == ["done"] * 4
