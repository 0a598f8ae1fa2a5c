"""What a testbed shows to its host: what listens, what its files and sockets allow, what it tells; the CPU limit."""

import contextlib
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import lxc
import pytest
import requests

from controller.app import prepare_objects_dir
from controller.container_config import common_config
from controller.containers import PAUSES, Containers
from controller.removal import lxc_path
from controller.rundir import prepare_run_dir
from controller.site import Site
from controller.usage import control_file
from tests.host import wounds
from tests.host.inside import instances, probed_site
from tests.host.testbed import ENTRY, STATS, policy, run, running, until

pytestmark = pytest.mark.usefixtures("nothing_left")
NOBODY = 65534


@pytest.mark.parametrize("boot", ["exec", "zygote"])
def test_cpu_time_is_limited(boot: Any, tmp_path: Path) -> None:
    """On a machine that is busy with other things, too."""
    with probed_site(tmp_path) as site, instances(site, boot, mapped=True, count=1, cpu_cores=0.1) as (instance,):
        statistics = control_file(instance.pid, "cpu", "cpu.stat", "cpu.stat")

        def throttled() -> bool:
            assert instance.probe("burn_cpu(1.0)") < 0.2
            return int(statistics.read_text().split("nr_throttled ")[1].split()[0]) > 0

        until(throttled)


def test_what_the_host_does_not_allow_is_told_and_instances_serve_all_the_same(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with running(tmp_path / "testbed", policy(boot="zygote"), "--objects", str(closed / "objects")) as testbed:
        why = f"instances have no mapped ids: {closed} is closed to other users (try: chmod o+x {closed})"
        assert testbed.events("start")[0]["isolation_gaps"] == [why]
        assert why in testbed.log.read_text()
        first = lxc.Container("tidebed-web-1").init_pid
        assert Path(f"/proc/{first}/ns/user").readlink() == Path("/proc/self/ns/user").readlink()


def test_rules_that_somebody_flushed_are_put_up_again(tmp_path: Path) -> None:
    with running(tmp_path, policy()) as testbed:
        run("nft", "delete", "table", "bridge", "tidebed")
        until(lambda: any("put up again" in event["message"] for event in testbed.events("error")))
        assert "drop" in run("nft", "list", "table", "bridge", "tidebed").stdout


def test_nothing_is_offered_beyond_loopback_and_nothing_to_command_to_others_than_root(tmp_path: Path) -> None:
    with running(tmp_path, policy(boot="zygote")) as testbed:
        assert testbed.events("start")[0]["isolation_gaps"] == []
        master, workers = wounds.balancer()
        pids = (testbed.process.pid, master, *workers)
        lines = run("ss", "-Hltunp").stdout.splitlines()
        ours = [line.split() for line in lines if any(f"pid={pid}," in line for pid in pids)]
        assert {words[4] for words in ours} == {ENTRY, STATS}
        assert reachable_sockets() == []
        assert foreign_or_writable([testbed.journal, *Path("/run/tidebed").rglob("*")]) == ["/run/tidebed/log.sock"]
        assert 'method="post"' not in requests.get(f"http://{STATS}/stats", timeout=5).text
        requests.post(f"http://{STATS}/stats", data={"s": "web-1", "action": "drain", "b": "#2"}, timeout=5)
        table = requests.get(f"http://{STATS}/stats;csv", timeout=5).text
        assert ",UP," in next(line for line in table.splitlines() if ",web-1," in line)


def test_attempt_at_mapped_ids_that_a_killed_controller_left_is_removed(tmp_path: Path) -> None:
    site = Site(objects_dir=tmp_path / "objects")
    prepare_run_dir(site)
    prepare_objects_dir(site)
    killed = Containers(site, {}, threading.Event())
    killed._clone("web-0", common_config(site, lxc_path() / site.template, mapped=False) + PAUSES)
    assert lxc.Container("tidebed-web-0").running
    with running(tmp_path / "testbed", policy()) as testbed:
        assert not lxc.Container("tidebed-web-0").defined
        assert testbed.in_service() == 1


def foreign_or_writable(paths: list[Path]) -> list[str]:
    """What others than root own, or may write: HAProxy's group writes to the socket of its log."""
    return [str(path) for path in paths if path.lstat().st_uid != 0 or path.lstat().st_mode & 0o022]


def reachable_sockets() -> list[str]:
    """The sockets in the run directory that a user without rights can connect to."""
    paths = [str(path) for path in Path("/run/tidebed").rglob("*") if path.is_socket()]
    assert paths
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        found = []
        for path in paths:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as attempt:
                    attempt.connect(path)
                    found.append(path)
        os.write(theirs, json.dumps(found).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as told:
        found = json.loads(told.read())
    os.waitpid(child, 0)
    return list(found)
