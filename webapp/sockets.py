"""Which kinds of sockets an instance may make: those that its network namespace and the host's rules shut in.

AF_VSOCK knows no network namespaces and passes by every bridge; others have often had a hole. LXC's own seccomp list
cannot look at the arguments of `socket`: on 32-bit x86, which it also covers, that is another system call.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from webapp import kernel

FAMILIES = (socket.AF_UNIX, socket.AF_INET)
# Of each machine: its name in the kernel's audit, the first number of a foreign kind of system calls (x32), and the
# numbers of socket and socketpair.
MACHINES = {"x86_64": (0xC000003E, 0x40000000, (41, 53)), "aarch64": (0xC00000B7, 0xFFFFFFFF, (198, 199))}
# From linux/filter.h and linux/seccomp.h.
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # where they are in struct seccomp_data; the argument's lower half
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


def keep_to_families() -> None:
    """In a container, have the kernel refuse this process and its children all other sockets, for good, and whatever
    is called in another machine's way. Does nothing on a machine that is not known. Raises OSError."""
    machine = MACHINES.get(os.uname().machine)
    if machine is not None and os.environ.get("container") == "lxc":  # noqa: SIM112
        kernel.forbid_new_privileges()
        kernel.install_filter(program(*machine))


def program(architecture: int, foreign: int, sockets: tuple[int, int]) -> bytes:
    """The filter, in the kernel's classic BPF. Jumps count the instructions that are passed over."""
    steps = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 0, 7, architecture),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 5, 0, foreign),
        (EQUAL, 1, 0, sockets[0]),
        (EQUAL, 0, 4, sockets[1]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (EQUAL, 2, 0, FAMILIES[0]),
        (EQUAL, 1, 0, FAMILIES[1]),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
