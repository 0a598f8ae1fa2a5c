"""CPU use from cgroup files."""

import os
from pathlib import Path

import pytest

from controller import usage
from controller.usage import CpuUsage, cpu_file, cpu_s


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each pid's CPU time lies, in place of the host's cgroups."""
    monkeypatch.setattr(usage, "cpu_file", lambda pid: tmp_path / f"{pid}")
    return tmp_path


def used(folder: Path, pid: int, seconds: float) -> None:
    (folder / f"{pid}").write_text(f"{round(seconds * 1e9)}\n")


def test_both_kinds_of_cgroup_are_read(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n")
    (tmp_path / "cpuacct.usage").write_text("1500000000\n")
    assert (cpu_s(tmp_path / "cpu.stat"), cpu_s(tmp_path / "cpuacct.usage")) == (2.5, 1.5)


def test_file_of_a_running_process_is_found_and_of_none_is_not() -> None:
    assert cpu_file(os.getpid()).name in ("cpu.stat", "cpuacct.usage")
    with pytest.raises(OSError, match="No such file"):
        cpu_file(2**22 + 1)


def test_use_is_unknown_until_a_second_look(folder: Path) -> None:
    used(folder, 7, 100)
    assert CpuUsage().percent({"web-1": 7}, 1.0) == {}


def test_use_is_of_each_instance_since_the_last_look(folder: Path) -> None:
    made = CpuUsage()
    used(folder, 7, 100)
    used(folder, 8, 50)
    made.percent({"web-1": 7, "web-2": 8}, 1.0)
    used(folder, 7, 101)
    used(folder, 8, 50.5)
    assert made.percent({"web-1": 7, "web-2": 8}, 3.0) == pytest.approx({"web-1": 50, "web-2": 25})


def test_instance_that_is_gone_or_unreadable_does_not_count(folder: Path) -> None:
    made = CpuUsage()
    used(folder, 7, 100)
    (folder / "8").write_text("garbage")
    made.percent({"web-1": 7, "web-2": 8, "web-3": 9}, 1.0)
    used(folder, 7, 101)
    assert made.percent({"web-1": 7, "web-2": 8, "web-3": 9}, 2.0) == pytest.approx({"web-1": 100})
    assert made.percent({}, 3.0) == {}


def test_what_is_gone_is_forgotten(folder: Path) -> None:
    """A process may get the number of one that ended; its time must not be compared with the other's."""
    made = CpuUsage()
    used(folder, 7, 100)
    made.percent({"web-1": 7}, 1.0)
    made.percent({}, 2.0)
    used(folder, 7, 1)
    assert made.percent({"web-2": 7}, 3.0) == {}


def test_two_looks_at_the_same_time_tell_nothing(folder: Path) -> None:
    made = CpuUsage()
    used(folder, 7, 100)
    made.percent({"web-1": 7}, 1.0)
    assert made.percent({"web-1": 7}, 1.0) == {}


def test_limit_is_told_for_both_kinds_of_cgroup() -> None:
    assert usage.cpu_limit(0) == []
    assert usage.cpu_limit(0.25) == ["lxc.cgroup.cpu.cfs_quota_us = 25000", "lxc.cgroup2.cpu.max = 25000 100000"]
