"""Instances that a zygote forks are what plain ones are, start fast, and need nobody who outlives them."""

import contextlib
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller import network, zygote
from controller.app import prepare_objects_dir, remove_instances
from controller.containers import Containers
from controller.mapped_ids import MAPPED_ID
from controller.rundir import remove_run_dir
from controller.site import Site
from tests.host.testbed import clean_host, left_behind, let_pass, until
from webapp import kernel
from webapp.sockets import MACHINES, program

ENVIRONMENT = {"RATE_LIMIT_RPS": "10"}
NAMESPACES = ("mnt", "pid", "net", "uts", "ipc", "cgroup", "user", "time")
STATUS = (
    "Name", "Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd",
    "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Speculation_Store_Bypass", "Cpus_allowed_list",
    "Mems_allowed_list", "Threads",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with bridge and folders, but without controller and balancer."""
    made = Site(objects_dir=tmp_path_factory.mktemp("site") / "objects")
    let_pass(made.objects_dir.parent)
    clean_host()
    made.run_dir.mkdir()
    prepare_objects_dir(made)
    network.create(made)
    yield made
    network.remove(made)
    remove_run_dir(made)
    assert left_behind() == []


@pytest.fixture(scope="module")
def fast(site: Site) -> Iterator[Containers]:
    """Containers with a zygote that is ready."""
    made = Containers(site, ENVIRONMENT, threading.Event(), "zygote")
    assert made.map_ids() == ""
    made.prepare()
    assert made._zygote is not None
    made._zygote.await_ready()
    yield made
    remove_instances(made)
    made.close()


@pytest.fixture(scope="module")
def pair(site: Site, fast: Containers) -> Iterator[tuple[int, int]]:
    """The pids of an instance that the zygote forked, and of a plain one."""
    plain = Containers(site, ENVIRONMENT, threading.Event())
    plain.mapped = True
    fast.boot("web-1", 1)
    plain.boot("web-2", 2)
    yield fast.pids()["web-1"], plain.pids()["web-2"]
    plain.stop("web-2")
    fast.stop("web-1")


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def status(pid: int) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in proc(pid, "status").splitlines())


def links(pid: int, folder: str) -> dict[str, str]:
    return {path.name: str(path.readlink()) for path in Path(f"/proc/{pid}/{folder}").iterdir()}


def other_files(pid: int) -> list[str]:
    """What the open descriptors beyond the standard ones are."""
    return sorted(target.split(":")[0] for number, target in links(pid, "fd").items() if int(number) > 2)


def impersonal(text: str) -> str:
    """Without what differs between any two instances: names, mounts' and devices' numbers."""
    text = re.sub(r"tidebed-web-\d+", "NAME", text)
    return re.sub(r"^\d+ \d+ (0:\d+)?|(shared|master):\d+", "", text, flags=re.MULTILINE)


def zygote_pid(made: Containers) -> int:
    assert made._zygote is not None
    assert made._zygote._process is not None
    return made._zygote._process.pid


def zombies(pids: set[int]) -> list[str]:
    """Those of these processes and of their children that have ended and are not reaped."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            found += [path.parent.name] if state == "Z" and {int(path.parent.name), int(parent)} & pids else []
    return found


@pytest.mark.parametrize("fact", STATUS)
def test_status_is_that_of_a_plain_instance(pair: tuple[int, int], fact: str) -> None:
    forked, plain = map(status, pair)
    assert forked.get(fact) == plain.get(fact)


def test_it_has_no_rights_at_all(pair: tuple[int, int]) -> None:
    facts = status(pair[0])
    assert {facts[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (facts["NoNewPrivs"], facts["Seccomp"], facts["Uid"].split()[0]) == ("1", "2", str(MAPPED_ID + 65534))


def test_seccomp_filter_is_that_of_a_plain_instance(pair: tuple[int, int]) -> None:
    forked, plain = map(kernel.seccomp_filters, pair)
    assert forked == plain
    lxcs, own = plain  # the application's, of sockets, is the latest
    assert own == program(*MACHINES[os.uname().machine])
    assert len(lxcs) > 100


def test_namespaces_are_the_container_s_own(pair: tuple[int, int]) -> None:
    forked, plain = (links(pid, "ns") for pid in pair)
    first = links(int(status(pair[0])["PPid"]), "ns")
    host = links(os.getpid(), "ns")
    for name in NAMESPACES:
        assert forked[name] == first[name]
        assert (forked[name] == host[name]) == (plain[name] == host[name])
    assert len(status(pair[0])["NSpid"].split()) == 2


@pytest.mark.parametrize("file", ["cgroup", "limits", "oom_score_adj", "mountinfo", "loginuid", "timerslack_ns"])
def test_file_in_proc_is_that_of_a_plain_instance(pair: tuple[int, int], file: str) -> None:
    forked, plain = (impersonal(proc(pid, file)) for pid in pair)
    assert forked == plain


def test_security_profile_is_that_of_a_plain_instance(pair: tuple[int, int]) -> None:
    try:
        profile = proc(pair[1], "attr/current")
    except OSError:
        pytest.skip("no security module with profiles on this host")
    assert proc(pair[0], "attr/current") == profile


def test_descriptors_directory_and_session_are_those_of_a_plain_instance(pair: tuple[int, int]) -> None:
    forked, plain = pair
    assert other_files(forked) == other_files(plain)
    for number in "012":
        assert links(forked, "fd")[number] == links(plain, "fd")[number]
    for name in ("cwd", "root"):
        assert Path(f"/proc/{forked}/{name}").readlink() == Path(f"/proc/{plain}/{name}").readlink()
    assert Path(f"/proc/{forked}").stat().st_uid == Path(f"/proc/{plain}").stat().st_uid
    group, session, terminal = proc(forked, "stat").rpartition(")")[2].split()[2:5]
    assert (int(group), int(session), int(terminal)) == (forked, forked, 0)


def test_rate_limiter_starts_fresh(fast: Containers) -> None:
    fast.boot("web-3", 3)
    with requests.Session() as session:
        url = f"http://{fast._site.address(3)}:8000/integral/0/1?n_max=10"
        began = time.monotonic()
        codes = [session.get(url, timeout=5).status_code for _ in range(14)]
        if time.monotonic() - began >= 1:
            pytest.skip("this machine was too slow to send fourteen requests in one second")
    assert codes == [200] * 10 + [429] * 4
    fast.stop("web-3")


def test_stop_leaves_no_zombie(fast: Containers) -> None:
    fast.boot("web-4", 4)
    pid = fast.pids()["web-4"]
    fast.stop("web-4")
    assert zombies({pid, zygote_pid(fast)}) == []


def test_death_of_the_application_is_noticed(fast: Containers) -> None:
    fast.boot("web-5", 5)
    pid = fast.pids()["web-5"]
    first = int(status(pid)["PPid"])
    os.kill(pid, signal.SIGKILL)
    until(lambda: fast.died() == {"web-5"}, 2)
    assert "sleep" in proc(first, "cmdline")
    fast.stop("web-5")
    assert not Path(f"/proc/{first}").exists()


def test_sigterm_lets_the_application_end_in_its_own_way(fast: Containers) -> None:
    fast.boot("web-5", 5)
    os.kill(fast.pids()["web-5"], signal.SIGTERM)
    until(lambda: fast.died() == {"web-5"}, 7)
    fast.stop("web-5")


@pytest.mark.skipif(not Path("/sys/fs/cgroup/cpu").exists(), reason="control groups of version 2 only")
def test_zygote_has_the_kernel_move_processes_into_control_groups_at_once(fast: Containers) -> None:
    assert fast._zygote is not None
    assert fast._zygote._process is not None
    assert "favordynmods,name=tidebed" in proc(fast._zygote._process.pid, "mounts")
    assert "favordynmods" not in Path("/proc/self/mounts").read_text()


def test_dead_zygote_costs_one_boot_by_exec(fast: Containers, caplog: pytest.LogCaptureFixture) -> None:
    os.kill(zygote_pid(fast), signal.SIGKILL)
    with caplog.at_level(logging.WARNING):
        fast.boot("web-6", 6)
    assert "web-6 boots by exec: " in caplog.text
    assert int(status(fast.pids()["web-6"])["NSpid"].split()[1]) == 1
    fast.boot("web-7", 7)
    assert status(fast.pids()["web-7"])["NSpid"].split()[1] != "1"
    for name in ("web-6", "web-7"):
        fast.stop(name)


def test_fork_that_fails_costs_one_boot_by_exec(
    fast: Containers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The control groups are not handed over: the instance would be outside of its limits."""
    monkeypatch.setattr(zygote, "cgroups", lambda _: [])
    with caplog.at_level(logging.WARNING):
        fast.boot("web-6", 6)
    assert "web-6 boots by exec: zygote: error LikenessError: cgroup is " in caplog.text
    assert int(status(fast.pids()["web-6"])["NSpid"].split()[1]) == 1
    fast.stop("web-6")


def test_new_template_gets_a_new_zygote(fast: Containers, monkeypatch: pytest.MonkeyPatch) -> None:
    old = zygote_pid(fast)
    monkeypatch.setattr(zygote, "_stamp", lambda _: "another")
    fast.boot("web-8", 8)
    assert zygote_pid(fast) != old
    assert not Path(f"/proc/{old}").exists()
    fast.stop("web-8")


def test_next_controller_watches_the_application(site: Site, fast: Containers) -> None:
    fast.boot("web-9", 9)
    pid = fast.pids()["web-9"]
    following = Containers(site, ENVIRONMENT, threading.Event())
    following.await_health("web-9", 9)
    assert following.pids() == {"web-9": pid}
    os.kill(pid, signal.SIGKILL)
    until(lambda: following.died() == {"web-9"}, 2)
    following.stop("web-9")
    fast.stop("web-9")
