"""What control groups (v1 and v2) tell of an instance, the CPU and memory it uses, and do to it: freeze, thaw, slow
down, kill."""

import contextlib
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def memberships(pid: int) -> list[tuple[str, str]]:
    """The control groups that a process is in: controllers, and the path in their hierarchy. Raises OSError."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    return [(line[1], line[2]) for line in lines if len(line) == 3]


def control_file(pid: int, controller: str, v1_name: str, v2_name: str) -> Path:
    """A file of the cgroup that a process is in. Raises OSError when the process is gone, or there is no such file.

    It is read from the process, never computed from the container's name: LXC appends a number when a stale cgroup
    of that name exists.
    """
    for controllers, path in memberships(pid):
        if controller in controllers.split(","):
            return CGROUPS / controller / path.lstrip("/") / v1_name
        if not controllers and (CGROUPS / "cgroup.controllers").exists():
            return CGROUPS / path.lstrip("/") / v2_name
    raise OSError(f"no control group with {controller} for process {pid}")


def cpu_file(pid: int) -> Path:
    """The file that tells the CPU time of the process's cgroup. Raises OSError."""
    return control_file(pid, "cpuacct", "cpuacct.usage", "cpu.stat")


def control_group(pid: int) -> Path:
    """The folder of the control group that freezes the process. Raises OSError."""
    return control_file(pid, "freezer", "freezer.state", "cgroup.freeze").parent


def set_frozen(pid: int, frozen: bool) -> None:
    """Freeze or thaw all processes of the cgroup a process is in. LXC itself does not know of it. Raises OSError."""
    _freeze(control_group(pid), frozen)


def _freeze(group: Path, frozen: bool) -> None:
    v1 = group / "freezer.state"
    if v1.exists():
        v1.write_text("FROZEN" if frozen else "THAWED")
    else:
        (group / "cgroup.freeze").write_text("1" if frozen else "0")


def thaw(group: Path) -> None:
    """Let all processes of a control group go on; does nothing with one that is gone."""
    with contextlib.suppress(OSError):
        _freeze(group, frozen=False)


def kill_all(group: Path) -> None:
    """SIGKILL for all processes of a control group; does nothing with one that is gone."""
    with contextlib.suppress(OSError):
        if (group / "cgroup.kill").exists():  # version 2, from Linux 5.14 on
            (group / "cgroup.kill").write_text("1")
            return
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


# An instance that boots for the pool gets a sixteenth of what one that serves gets, where both want the CPU.
LITTLE_CPU = "lxc.cgroup.cpu.shares = 64\nlxc.cgroup2.cpu.weight = 6\n"


CPU_PERIOD_US = 100_000  # the kernel's default


def cpu_limit(cores: float) -> list[str]:
    """The lines of LXC's configuration that give a container at most so much CPU time; 0 is no limit."""
    if not cores:
        return []
    quota_us = round(cores * CPU_PERIOD_US)
    return [f"lxc.cgroup.cpu.cfs_quota_us = {quota_us}", f"lxc.cgroup2.cpu.max = {quota_us} {CPU_PERIOD_US}"]


def set_full_cpu(pid: int) -> None:
    """Give the cgroup a process is in what every other gets, the kernel's default. Raises OSError."""
    path = control_file(pid, "cpu", "cpu.shares", "cpu.weight")
    path.write_text("1024" if path.name == "cpu.shares" else "100")


def cpu_s(path: Path) -> float:
    """CPU seconds used so far. Raises OSError, ValueError."""
    text = path.read_text()
    if path.name == "cpu.stat":
        found = re.search(r"^usage_usec ([0-9]{1,19})$", text, re.MULTILINE)
        return _number(found[1] if found else "") / 1e6
    return _number(text.strip()) / 1e9


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"{text[:20]!r} is no number")
    return int(text)


@dataclass(frozen=True, slots=True)
class Signs:
    """What the kernel tells of an instance: CPU time used so far, and what its threads do, by `ps`'s letters."""

    cpu_s: float
    states: str

    @property
    def words(self) -> str:
        """What threads that use no CPU do."""
        if "T" in self.states:
            return "its process is stopped"
        return "its threads wait in the kernel, or are frozen" if "D" in self.states else "its threads wait"


def signs(pid: int) -> Signs:
    """The signs of life of a process and its control group. Raises OSError, ValueError."""
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return Signs(cpu_s(cpu_file(pid)), "".join(stat.rpartition(") ")[2][:1] for stat in stats))


def memory_file(pid: int) -> Path | None:
    """The file that counts how often the process's control group ran out of memory; None where there is none."""
    with contextlib.suppress(OSError):
        return control_file(pid, "memory", "memory.oom_control", "memory.events")
    return None


def out_of_memory(path: Path) -> bool:
    """Was a process of the control group killed because there was no memory left in it?"""
    with contextlib.suppress(OSError, ValueError):
        words = path.read_text().split()
        return "oom_kill" in words and int(words[words.index("oom_kill") + 1]) > 0
    return False


class CpuUsage:
    """CPU use of each instance in percent of one core, between one call and the next."""

    def __init__(self) -> None:
        self._files: dict[int, Path] = {}
        self._last: dict[int, tuple[float, float]] = {}

    def percent(self, pids: Mapping[str, int], now_s: float) -> dict[str, float]:
        """The instances whose use is known: not those that were not seen before."""
        shares = {name: self._share(pid, now_s) for name, pid in pids.items()}
        for pid in self._files.keys() - set(pids.values()):
            del self._files[pid]
            self._last.pop(pid, None)
        return {name: 100 * share for name, share in shares.items() if share is not None}

    def _share(self, pid: int, now_s: float) -> float | None:
        with contextlib.suppress(OSError, ValueError):
            if pid not in self._files:
                self._files[pid] = cpu_file(pid)
            used_s = cpu_s(self._files[pid])
            before_s, before_used_s = self._last.get(pid, (now_s, used_s))
            self._last[pid] = (now_s, used_s)
            return (used_s - before_used_s) / (now_s - before_s) if now_s > before_s else None
        return None
