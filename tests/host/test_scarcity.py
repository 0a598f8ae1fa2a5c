"""Where this host, or the template, gives nothing for another instance: what serves goes on, it is told, and all is
well once there is something again."""

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.host import wounds
from tests.host.testbed import PREFIX, URL, Testbed, policy, running, until

pytestmark = pytest.mark.usefixtures("nothing_left")

FAST: dict[str, Any] = {"boot": "zygote", "apply": "runtime"}
TEMPLATE = f"/var/lib/lxc/{PREFIX}-template"
SMALL_DISK = (
    f'mount -t tmpfs -o size=1m tmpfs "$0" && mkdir "$0/{PREFIX}-template" && mount --bind {TEMPLATE} '
    f'"$0/{PREFIX}-template" && mount --rbind "$0" /var/lib/lxc && exec "$@"'
)


def failures(testbed: Testbed) -> list[str]:
    """Why instances failed, in order."""
    return [event["reason"] for event in testbed.events("instance") if event["phase"] == "FAILED"]


def assert_held_and_told(testbed: Testbed, words: str) -> None:
    """Another boot fails for this reason, the tick tells it, and the instance that is left serves."""
    until(lambda: any(words in reason for reason in failures(testbed)), 30, f"a boot fails: {words}")
    until(lambda: "not booted, boots failed" in testbed.events("tick")[-1]["sentence"], 30, "the tick tells it")
    assert requests.get(f"{URL}/healthz", timeout=5).status_code == 200
    assert testbed.process.poll() is None


def assert_whole(testbed: Testbed, store: Path = Path("/var/lib/lxc")) -> None:
    """Two serve again, and of the boots that failed nothing is left."""
    until(lambda: testbed.in_service() == 2 and not testbed.events("tick")[-1]["booting"], 60, "two serve again")
    until(lambda: len(list(store.glob(f"{PREFIX}-web-*"))) == 2, 10, "nothing else is left")


def test_no_processes_left(tmp_path: Path) -> None:
    with running(tmp_path, policy(minimum=2, **FAST), instances=2) as testbed:
        with wounds.few_processes(testbed.process.pid, more=0):
            wounds.kill("web-1")
            assert_held_and_told(testbed, "Resource temporarily unavailable")
        assert_whole(testbed)


def test_template_that_cannot_boot_is_tried_a_few_times_only(tmp_path: Path) -> None:
    with running(tmp_path, policy(minimum=2, apply="runtime"), instances=2) as testbed:
        with wounds.broken_template():
            begun_s = time.monotonic()
            wounds.kill("web-1")
            until(lambda: len(failures(testbed)) >= 3, 60, "two boots have failed")
            assert_held_and_told(testbed, "No module named webapp")
            assert len(failures(testbed)) <= 4 + (time.monotonic() - begun_s) / 2
        assert_whole(testbed)


def test_disk_without_room_for_clones(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c", SMALL_DISK, str(disk)]
    with running(tmp_path, policy(minimum=2, **FAST), instances=2, wrapper=wrapper) as testbed:
        store = Path(f"/proc/{testbed.process.pid}/root/var/lib/lxc")
        fill(store / "filler")
        wounds.kill("web-1")
        assert_held_and_told(testbed, "No space left on device")
        (store / "filler").unlink()
        assert_whole(testbed, store)


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
