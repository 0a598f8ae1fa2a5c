"""A controller that boots by a zygote: what outlives what, and that nothing is left."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.host.testbed import URL, Policy, answers, left_behind, policy, running, until

pytestmark = pytest.mark.usefixtures("nothing_left")
INSTANCES = [f"http://10.87.65.{number}:8000/healthz" for number in (2, 3)]


def fast(minimum: int) -> Policy:
    return policy(minimum=minimum, boot="zygote")


def forked() -> set[int]:
    """The zygote and all that it has forked."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"webapp.zygote" in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def inside(pid: int) -> bool:
    """Whether a process is in a container; one that has ended is not."""
    with contextlib.suppress(OSError):
        return "lxc.payload" in Path(f"/proc/{pid}/cgroup").read_text()
    return False


def test_instances_outlive_controller_and_zygote_and_are_adopted(tmp_path: Path) -> None:
    with running(tmp_path / "first", fast(2), instances=2) as testbed:
        assert len(forked()) == 3
        testbed.kill()
        until(lambda: len(forked()) == 2, 30, "the zygote ends with the controller")
        instances = forked()
        until(lambda: all(map(answers, INSTANCES)))
        with running(tmp_path / "next", fast(2), instances=2) as following:
            until(lambda: len(forked()) == 3, 30, "a zygote of its own")
            assert instances < forked()
            assert all(map(inside, instances))
            assert following.stop() == 0
    assert "boots by exec" not in testbed.log.read_text()


def test_instance_whose_application_dies_is_replaced_while_its_first_process_lives(tmp_path: Path) -> None:
    with running(tmp_path, fast(1)) as testbed:
        (dying,) = filter(inside, forked())
        os.kill(dying, signal.SIGKILL)
        until(lambda: [pid for pid in forked() if inside(pid) and pid != dying], 30, "another instance")
        until(lambda: answers(f"{URL}/healthz"), 30)
        until(lambda: not Path(f"/proc/{dying}").exists(), 30, "the broken container is removed")
        assert "ended" in testbed.log.read_text()
    assert left_behind() == []
