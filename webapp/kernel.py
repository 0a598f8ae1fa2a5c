"""System calls that Python 3.11 has no functions for. Each raises OSError that names the call which failed."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Any

_CLONE_NEWPID = 0x20000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEW_OTHERS = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x40000000  # mount, cgroup, uts, ipc, network

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 22, 24, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_PTRACE_DETACH, _PTRACE_SEIZE, _PTRACE_INTERRUPT, _PTRACE_SECCOMP_GET_FILTER = 17, 0x4206, 0x4207, 0x420C
_WALL = 0x40000000
_KEYCTL = {"x86_64": 250, "i686": 288, "aarch64": 219, "riscv64": 219, "armv7l": 311, "ppc64le": 271, "s390x": 280}
_KEYCTL_JOIN_SESSION_KEYRING = 1
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_INSTRUCTION_BYTES = 8  # struct sock_filter
_LONGEST_PROGRAM = 4096  # BPF_MAXINSNS

_libc = ctypes.CDLL(None, use_errno=True)
_long, _pointer = ctypes.c_ulong, ctypes.c_void_p
_libc.prctl.argtypes = [ctypes.c_int, _long, _long, _long, _long]
if _CAN_EXCHANGE := hasattr(_libc, "renameat2"):  # musl has it from 1.2.6 on
    _libc.renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, _pointer, _pointer]
_libc.ptrace.restype = ctypes.c_long
_libc.syscall.argtypes = [ctypes.c_long, ctypes.c_long, _pointer]
_libc.syscall.restype = ctypes.c_long


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", _pointer))


def _call(name: str, *arguments: Any) -> int:
    result: int = getattr(_libc, name)(*arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def join_pids(pidfd: int) -> None:
    """Let future children be in the pid namespace of the process that `pidfd` stands for."""
    _call("setns", pidfd, _CLONE_NEWPID)


def join_others(pidfd: int) -> None:
    """Join all its namespaces but that of pids. With a user namespace come all capabilities in it, and none outside.

    A single-threaded process that shares nothing of its own must do it.
    """
    try:
        _call("setns", pidfd, _CLONE_NEWUSER | _CLONE_NEW_OTHERS)
    except OSError as error:
        if error.errno != errno.EINVAL:  # which says that we are in its user namespace already
            raise
        _call("setns", pidfd, _CLONE_NEW_OTHERS)


def exchange(path: str, other: str) -> None:
    """Let two files of one file system have each other's name, in one step."""
    if not _CAN_EXCHANGE:
        raise OSError(errno.ENOSYS, "renameat2: the C library does not know it")
    _call("renameat2", _AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)


def leave_session_keyring() -> None:
    """Have an empty session keyring of its own, instead of sharing the parent's with the keys in it."""
    number = _KEYCTL.get(machine := os.uname().machine)
    if number is None:
        raise OSError(errno.EOPNOTSUPP, f"keyctl: its number on {machine} is not known")
    try:
        _call("syscall", number, _KEYCTL_JOIN_SESSION_KEYRING, None)
    except OSError as error:
        if error.errno != errno.ENOSYS:  # a kernel without keys
            raise


def forbid_new_privileges() -> None:
    """Once and for all: no program that is executed gains privileges, and a seccomp filter needs none."""
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def allow_own_proc() -> None:
    """Let the process own its files in /proc, as after an exec; a change of the user id takes them away."""
    _call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)


def drop_bounding(capability: int) -> None:
    """Take a capability out of the bounding set; needs CAP_SETPCAP."""
    _call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)


def clear_ambient() -> None:
    """Empty the ambient set of capabilities."""
    _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


def set_capabilities(effective: int, permitted: int, inheritable: int) -> None:
    """Set three of the sets of capabilities, as bit masks."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    sets = (effective, permitted, inheritable)
    halves = [mask >> shift & 0xFFFFFFFF for shift in (0, 32) for mask in sets]
    _call("capset", header, struct.pack("=6I", *halves))


def seccomp_filters(pid: int) -> list[bytes]:
    """The programs of a process's seccomp filters, the oldest first (Linux counts so, though ptrace(2) says
    otherwise); none on a kernel that does not tell them.

    Stops the process for some microseconds. Needs root, outside of any user namespace, a caller without a filter of its
    own, and a kernel with CONFIG_CHECKPOINT_RESTORE.
    """
    _call("ptrace", _PTRACE_SEIZE, pid, None, None)
    try:
        _call("ptrace", _PTRACE_INTERRUPT, pid, None, None)
        os.waitpid(pid, _WALL)
        return list(_read_filters(pid))
    finally:
        _call("ptrace", _PTRACE_DETACH, pid, None, None)


def _read_filters(pid: int) -> list[bytes]:
    programs: list[bytes] = []
    buffer = ctypes.create_string_buffer(_LONGEST_PROGRAM * _INSTRUCTION_BYTES)
    while True:
        try:
            length = _call("ptrace", _PTRACE_SECCOMP_GET_FILTER, pid, len(programs), ctypes.addressof(buffer))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINVAL):  # none with this number; none at all, or not told
                return programs
            raise
        programs.append(buffer.raw[: length * _INSTRUCTION_BYTES])


def install_filter(program: bytes) -> None:
    """Add a seccomp filter; needs `forbid_new_privileges` before. It cannot be taken off again."""
    buffer = ctypes.create_string_buffer(program, len(program))
    description = _Program(len(program) // _INSTRUCTION_BYTES, ctypes.addressof(buffer))
    _call("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(description), 0, 0)
