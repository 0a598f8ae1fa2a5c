"""Make a process that was forked into a container like the container's first process, which LXC has set up.

Nothing is listed here that LXC was told: user, limits, capabilities, filter and all the rest are read off the first
process, so that a change of the container's configuration needs no change here. At the end the two are compared.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

from webapp import kernel

FIRST, SELF = Path("/proc/1"), Path("/proc/self")
LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})
SAME = (
    "Umask", "Uid", "Gid", "Groups", "SigBlk", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
    "Seccomp", "Seccomp_filters", "Cpus_allowed_list", "Mems_allowed_list",
)  # fmt: skip


class LikenessError(Exception):
    """This process cannot be made like the container's first one; the message says in what."""


def become_like_first(pidfd: int) -> None:
    """Join the container of the first process, which `pidfd` stands for, and take over all that this process has.

    The caller must be root of the host, and in the container's pid namespace. Raises LikenessError, OSError,
    ValueError; the process is then of no use and must end.
    """
    filters = kernel.seccomp_filters(1)  # they are told outside of a user namespace only
    kernel.join_others(pidfd)
    _become_root()
    first = status(FIRST)
    if (FIRST / "ns/user").readlink() != (SELF / "ns/user").readlink():
        raise LikenessError("the container has another user namespace")
    os.setsid()
    kernel.leave_session_keyring()
    _take_streams()
    _take_surroundings(first)
    _take_profile()
    _take_identity(first)
    _take_limits()
    kernel.allow_own_proc()
    for program in filters:
        kernel.install_filter(program)
    _compare(first)


def _become_root() -> None:
    """Root of the host, whom the container's user namespace does not know, becomes the container's own."""
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    kernel.allow_own_proc()


def check_place() -> None:
    """Raise LikenessError unless this process is in the control groups of the first one."""
    own, wanted = ((process / "cgroup").read_text() for process in (SELF, FIRST))
    if own != wanted:
        raise LikenessError(f"cgroup is {own!r}, the container has {wanted!r}")


def status(process: Path) -> dict[str, str]:
    """The facts in /proc/<pid>/status by name."""
    lines = (process / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _take_streams() -> None:
    """Standard input, output and error: the container's console, which does not become the session's terminal."""
    for number in (0, 1, 2):
        opened = os.open(FIRST / f"fd/{number}", os.O_RDWR | os.O_NOCTTY)
        os.dup2(opened, number)
        os.close(opened)


def _take_surroundings(first: dict[str, str]) -> None:
    """Environment, working directory, file mode mask, and how readily the kernel kills when memory is short."""
    variables = (FIRST / "environ").read_bytes().rstrip(b"\0").split(b"\0")
    os.environ.clear()
    os.environb.update(dict(variable.split(b"=", 1) for variable in variables if b"=" in variable))
    os.chdir(FIRST / "cwd")
    os.umask(int(first["Umask"], 8))
    score = (FIRST / "oom_score_adj").read_bytes()
    if score != (SELF / "oom_score_adj").read_bytes():
        (SELF / "oom_score_adj").write_bytes(score)


def _take_profile() -> None:
    """The AppArmor profile, where there is such a thing. Must precede no-new-privileges, which can forbid it."""
    if (profile := _profile(FIRST)) == _profile(SELF):
        return
    (SELF / "attr/current").write_bytes(b"changeprofile " + profile.rsplit(b" (", 1)[0])
    if _profile(SELF) != profile:
        raise LikenessError(f"its security profile stays {_profile(SELF)!r}, the container has {profile!r}")


def _profile(process: Path) -> bytes:
    try:
        return (process / "attr/current").read_bytes().strip(b"\0\n")
    except OSError:  # no security module that names its profiles
        return b""


def _take_identity(first: dict[str, str]) -> None:
    """Users, groups, capabilities. The order matters: each step needs what the next takes away."""
    own = status(SELF)
    surplus = int(own["CapBnd"], 16) & ~int(first["CapBnd"], 16)
    for capability in range(surplus.bit_length()):
        if surplus >> capability & 1:
            kernel.drop_bounding(capability)
    if first["NoNewPrivs"] == "1":
        kernel.forbid_new_privileges()
    os.setgroups([int(group) for group in first["Groups"].split()])
    real, effective, saved, _ = map(int, first["Gid"].split())
    os.setresgid(real, effective, saved)
    real, effective, saved, _ = map(int, first["Uid"].split())
    os.setresuid(real, effective, saved)
    kernel.clear_ambient()
    kernel.set_capabilities(*(int(first[name], 16) for name in ("CapEff", "CapPrm", "CapInh")))


def _take_limits() -> None:
    """Resource limits; as the same user, for another's need a capability to be read."""
    for limit in LIMITS:
        wanted = resource.prlimit(1, limit)
        if resource.getrlimit(limit) != wanted:
            resource.setrlimit(limit, wanted)


def _compare(first: dict[str, str]) -> None:
    """Raise LikenessError for the first thing in which the two processes differ."""
    own = status(SELF)
    for name in SAME:
        if own.get(name) != first.get(name):
            raise LikenessError(f"{name} is {own.get(name)!r}, the container has {first.get(name)!r}")
