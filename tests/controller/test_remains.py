"""What a killed controller left half done."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import remains
from controller.processes import processes
from controller.remains import end_commands, remove_files
from controller.site import Site
from tests.host.testbed import until

SITE = Site(prefix=f"tidebed-remains-{os.getpid()}")  # tests run side by side


@pytest.fixture(params=["web-3", "web-0"], ids=["an instance", "the one that tries mapped ids"])
def command(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that looks like LXC's, and waits until its standard input ends."""
    container = f"{SITE.prefix}-{request.param}"
    words = ["lxc-copy", "-c", "read line; true", "sh", "-N", container]
    with subprocess.Popen(words, executable="/bin/sh", stdin=subprocess.PIPE) as process:
        until(lambda: processes(lambda found: container.encode() in found), what="its words are there")
        yield process
        process.kill()


def test_command_of_an_earlier_controller_comes_to_its_end(
    command: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remains, "COMMAND_S", 20)
    assert command.stdin is not None
    threading.Timer(0.1, command.stdin.close).start()
    reaper = threading.Thread(target=command.wait)
    reaper.start()
    end_commands(SITE)
    reaper.join()
    assert command.returncode == 0


def test_command_that_hangs_is_killed(command: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remains, "COMMAND_S", 0.1)
    end_commands(SITE)
    assert command.wait(5) == -9


def test_command_for_another_container_is_nobody_s_business(command: "subprocess.Popen[bytes]") -> None:
    end_commands(Site(prefix="tidebed-other"))
    assert command.poll() is None


def test_process_is_told_with_its_parent_and_its_session(command: "subprocess.Popen[bytes]") -> None:
    (found,) = processes(lambda words: b"-N" in words and words[-2].startswith(os.fsencode(SITE.prefix)))
    assert found.pid == command.pid
    assert found.session != found.pid


def test_files_of_instances_that_are_gone_are_removed(tmp_path: Path) -> None:
    for name in ("web-1.conf", "web-1.log", "web-11.conf", "web-2.console"):
        (tmp_path / name).touch()
    remove_files(tmp_path, {"web-1": 1})
    remove_files(tmp_path / "none", {})
    assert {path.name for path in tmp_path.iterdir()} == {"web-1.conf", "web-1.log"}
