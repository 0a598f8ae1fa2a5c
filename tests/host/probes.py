"""What an attacker who runs code in an instance would try. The source of this module is sent there: see inside.py."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SELF = Path("/proc/self")
BOMB_PROCESSES = 500
NEW_USER, NEW_MOUNT = 0x10000000, 0x00020000


def outcome(attempt: Callable[[], Any]) -> str:
    """`done`, or the name of the error."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "timed out" if isinstance(error, TimeoutError) else str(error))
    return "done"


def facts() -> dict[str, Any]:
    """What the kernel tells this process about itself."""
    lines = (SELF / "status").read_text().splitlines()
    return {
        "status": {name: value.strip() for name, _, value in (line.partition(":") for line in lines)},
        "namespaces": {path.name: str(path.readlink()) for path in (SELF / "ns").iterdir()},
        "uid_map": (SELF / "uid_map").read_text().split(),
        "gid_map": (SELF / "gid_map").read_text().split(),
        "mounts": [line.split() for line in (SELF / "mounts").read_text().splitlines()],
        "environment": dict(os.environ),
        "processes": sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")),
        "links": sorted(line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]),
        "routes": Path("/proc/net/route").read_text().splitlines()[1:],
    }


def descriptors() -> list[str]:
    """What the open files are, without the numbers of sockets and pipes."""
    found = []
    for path in (SELF / "fd").iterdir():
        with contextlib.suppress(OSError):  # the folder that is being read
            found.append(str(path.readlink()).split(":")[0])
    return sorted(found)


def writable() -> list[str]:
    """Every place of the file system where this process may write, /proc apart."""
    found = []
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders.remove("proc")
        paths = [folder, *(f"{folder.rstrip('/')}/{name}" for name in files)]
        found += [path for path in paths if not Path(path).is_symlink() and os.access(path, os.W_OK)]
    return sorted(found)


def privileged_files() -> list[str]:
    """The files that would lend another user's rights, or are devices beyond the harmless ones."""
    found = []
    for folder, _, files in os.walk("/usr"):
        found += [path for name in files if (path := Path(folder, name)).lstat().st_mode & 0o6000]
    return [str(path) for path in found]


def forbidden_deeds() -> dict[str, str]:
    """What needs a right that no instance has, and what became of it."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: Any) -> None:
        if getattr(libc, name)(*arguments) == -1:
            raise OSError(ctypes.get_errno(), name)

    def write(path: str, text: str) -> None:
        with open(path, "w") as file:  # noqa: PTH123
            file.write(text)

    def lock_a_part(path: str) -> None:
        with open(path, "w") as file:  # noqa: PTH123
            fcntl.lockf(file, fcntl.LOCK_EX, 1)

    numbers = {"x86_64": (56, 313, 321, 425), "aarch64": (220, 273, 280, 425)}
    CLONE, FINIT_MODULE, BPF, IO_URING = numbers[os.uname().machine]
    deeds: dict[str, Callable[[], Any]] = {
        "become root": lambda: os.setuid(0),
        "become another user": lambda: os.setresuid(1000, 1000, 1000),
        "change root": lambda: os.chroot("/tmp"),
        "mount": lambda: call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None),
        "unmount /proc/sys": lambda: call("umount2", b"/proc/sys", 2),
        "remount the root for writing": lambda: call("mount", None, b"/", None, 32, None),
        "have a user namespace": lambda: call("unshare", NEW_USER),
        "have a mount namespace": lambda: call("unshare", NEW_MOUNT),
        "fork into a user namespace": lambda: call("syscall", CLONE, NEW_USER | signal.SIGCHLD, None, None, None, None),
        "name the host": lambda: socket.sethostname("mine"),
        "make a device": lambda: os.mknod("/tmp/device", 0o600 | 0o020000, os.makedev(1, 1)),
        "listen below 1024": lambda: socket.socket().bind(("0.0.0.0", 80)),
        "send raw packets": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "send raw frames": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "ping": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
        "reach the hypervisor": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
        "have a socket of IPv6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM),
        "have the kernel encrypt": lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
        "ask the kernel for links": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "watch files as root's share": lambda: call("inotify_init1", 0),
        "lock a part of a file": lambda: lock_a_part("/tmp/part"),
        "kill the kernel's choice": lambda: write("/proc/self/oom_score_adj", "-1000"),
        "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        "be urgent": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
        "write a kernel setting": lambda: write("/proc/sys/kernel/hostname", "mine"),
        "write a network setting": lambda: write("/proc/sys/net/ipv4/ip_forward", "1"),
        "press SysRq": lambda: write("/proc/sysrq-trigger", "h"),
        "read the kernel's memory": lambda: os.open("/proc/kcore", os.O_RDONLY),
        "read the kernel's log": lambda: os.open("/dev/kmsg", os.O_RDONLY),
        "load a module": lambda: call("syscall", FINIT_MODULE, -1, b"", 0),
        "load a program into the kernel": lambda: call("syscall", BPF, 5, None, 0),
        "have a ring of requests": lambda: call("syscall", IO_URING, 1, None),
        "trace the first process": lambda: call("ptrace", 0x4206, 1, None, None),
        "write to the root": lambda: write("/mine", ""),
        "write to the application": lambda: write("/opt/webapp/webapp/app.py", ""),
    }
    return {name: outcome(deed) for name, deed in deeds.items()}


def pose_as(title: str) -> int:
    """Have a process that calls itself so, until the instance ends; its pid here."""
    reader, _ = os.pipe()
    if (pid := os.fork()) == 0:
        os.dup2(reader, 0)
        os.execv("/bin/cat", [title])
    time.sleep(0.2)
    return pid


def connect(places: list[tuple[str, int]], patience_s: float = 0.5) -> list[str]:
    """For each host and port `done` where a TCP connection is accepted."""

    def attempt(place: tuple[str, int]) -> str:
        return outcome(lambda: socket.create_connection(place, timeout=patience_s).close())

    with ThreadPoolExecutor(len(places)) as pool:
        return list(pool.map(attempt, places))


def tell(host: str, port: int) -> str:
    """Send a datagram; whether it arrives is for the other end to say."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return outcome(lambda: sender.sendto(b"here", (host, port)))


def datagrams_without_a_port() -> int:
    """How many have come so far, by the kernel's count."""
    lines = Path("/proc/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Udp:"))
    return int(values[names.index("NoPorts")])


def fork_bomb() -> int:
    """How many processes more there can be."""
    children = []
    try:
        for _ in range(BOMB_PROCESSES):
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            children.append(child)
    except BlockingIOError:
        pass
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return len(children)


def eat_memory(megabytes: int) -> str:
    """What becomes of a process that fills so much memory."""
    child = os.fork()
    if child == 0:
        held = [bytearray(os.urandom(1) * 2**20) for _ in range(megabytes)]
        os._exit(0 if held else 1)
    status = os.waitpid(child, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "done"


def burn_cpu(seconds: float) -> float:
    """The CPU seconds that a busy loop gets in so much time."""
    began_s, cpu_s = time.monotonic(), time.thread_time()
    while time.monotonic() < began_s + seconds:
        pass
    return time.thread_time() - cpu_s
