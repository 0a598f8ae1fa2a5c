"""The instances' LXC configuration, and how their processes are watched; no container is started."""

import ipaddress
import os
import sys
import threading
from pathlib import Path

import pytest

from controller import containers
from controller.applications import Application
from controller.container_config import instance_config
from controller.containers import BootError, Containers
from controller.ports import ControllerError
from controller.processes import run
from controller.site import Site
from controller.zygote import first_error, last_line
from tests.controller.build import LocalSite

TEMPLATE = Path("/var/lib/lxc/tidebed-template")


def config(slot: int = 3, site: Site | None = None, **environment: str) -> list[tuple[str, str]]:
    text = instance_config(site or Site(), TEMPLATE, slot, environment)
    assert text.endswith("\n")
    return [(key, value) for key, _, value in (line.partition(" = ") for line in text.splitlines())]


def test_instance_uses_the_template_s_root_and_common_configuration() -> None:
    facts = dict(config())
    assert facts["lxc.include"] == f"{TEMPLATE}/instance.conf"
    assert facts["lxc.rootfs.path"] == f"dir:{TEMPLATE}/rootfs"


def test_instance_has_the_address_and_mac_of_its_slot() -> None:
    facts = dict(config(3))
    assert facts["lxc.net.0.link"] == "tidebed0"
    assert facts["lxc.net.0.ipv4.address"] == "10.87.65.4/24"
    assert facts["lxc.net.0.hwaddr"] == "02:00:0a:57:41:04"


def test_no_two_slots_share_an_address_or_a_mac() -> None:
    made = [dict(config(slot)) for slot in range(1, 254)]
    for key in ("lxc.net.0.ipv4.address", "lxc.net.0.hwaddr"):
        assert len({facts[key] for facts in made}) == len(made)


def test_site_s_subnet_and_object_directory_are_used() -> None:
    site = Site(subnet=ipaddress.IPv4Network("10.1.0.0/16"), objects_dir=Path("/data/things"))
    facts = dict(config(300, site))
    assert facts["lxc.net.0.ipv4.address"] == "10.1.1.45/16"
    assert facts["lxc.mount.entry"].startswith("/data/things objects none bind,rw,")


def test_object_directory_lends_no_devices_programs_or_privileges() -> None:
    options = dict(config())["lxc.mount.entry"].split()[3].split(",")
    assert {"nosuid", "nodev", "noexec"} <= set(options)


def test_mapped_ids_are_an_instance_s_and_its_object_directory_s() -> None:
    text = instance_config(Site(), TEMPLATE, 3, {}, mapped=True)
    assert "\nlxc.idmap = u 0 2097152000 65536\nlxc.idmap = g 0 2097152000 65536\n" in text
    assert ",noexec,idmap=container 0 0\n" in text
    assert "idmap" not in instance_config(Site(), TEMPLATE, 3, {})


def test_environment_is_passed_in_a_fixed_order() -> None:
    made = [value for key, value in config(B="2", A="1") if key == "lxc.environment"]
    assert made == ["A=1", "B=2"]


@pytest.mark.parametrize(("text", "last"), [("", ""), ("\n\n", ""), ("a\nb \n", "b"), ("only", "only")])
def test_last_line_of_a_log_tells_what_went_wrong(tmp_path: Path, text: str, last: str) -> None:
    (tmp_path / "log").write_text(text)
    assert last_line(tmp_path / "log") == last
    assert last_line(tmp_path / "none") == ""


def test_command_that_hangs_is_ended_and_named() -> None:
    with pytest.raises(ControllerError, match=r"^sleep did not end within 0\.05 s$"):
        run(["sleep", "60"], 0.05)


@pytest.fixture
def made(tmp_path: Path) -> Containers:
    return Containers(LocalSite(folder=tmp_path), {}, threading.Event())


def test_instances_with_and_without_mapped_ids_are_taken_over(
    made: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether an instance can have them may change between one controller and the next."""
    monkeypatch.setattr(made, "running", lambda: {"web-1": 1, "web-2": 2, "web-3": 3, "web-4": 4})
    made._dir.mkdir(parents=True)
    for slot, mapped in ((1, True), (2, False)):
        (made._dir / f"web-{slot}.conf").write_text(made._config(slot, mapped) + "lxc.console.logfile = x\n")
    (made._dir / "web-3.conf").write_text(made._config(4, True))
    assert made.started_otherwise() == ["web-3", "web-4"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", ""),
        ("lxc-copy t 2026 WARN     conf - ../src/lxc/conf.c:f:1 - nothing\n", ""),
        (
            "lxc-copy t 2026 ERROR    a - ../src/lxc/a.c:f:1 - Read-only file system - unable to open x: ignoring\n"
            "lxc-copy t 2026 ERROR    b - ../src/lxc/b.c:g:2 - Permission denied - Failed to mount y\n"
            "lxc-copy t 2026 ERROR    c - ../src/lxc/c.c:h:3 - Failed to spawn\n",
            "Permission denied - Failed to mount y",
        ),
    ],
)
def test_first_error_of_lxc_s_log_is_the_cause(tmp_path: Path, text: str, first: str) -> None:
    (tmp_path / "log").write_text(text)
    assert first_error(tmp_path / "log") == first
    assert first_error(tmp_path / "none") == ""


def watch(made: Containers, name: str, pid: int) -> int:
    """Watch a process in place of a container's first one; the descriptor that is used for it."""
    made.applications._known[name] = Application(pid, os.pidfd_open(pid), Path("/nonexistent"), None)
    return made.applications._known[name].pidfd


def test_end_of_a_first_process_is_noticed(made: Containers) -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    watch(made, "web-1", pid)
    watch(made, "web-2", os.getpid())
    os.waitpid(pid, 0)
    assert made.died() == {"web-1"}
    assert made.pids() == {"web-1": pid, "web-2": os.getpid()}


def test_what_is_forgotten_is_closed(made: Containers) -> None:
    descriptor = watch(made, "web-1", os.getpid())
    made.applications.forget("web-1")
    made.applications.forget("web-1")
    assert (made.died(), made.pids()) == (set(), {})
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_wait_for_a_boot_ends_when_the_controller_closes(made: Containers) -> None:
    watch(made, "web-1", os.getpid())
    made._closing.set()
    with pytest.raises(BootError, match="no healthy answer"):
        made.await_health("web-1", 1)
    made.applications.forget("web-1")


def test_wait_for_a_boot_ends_when_the_instance_is_stopped(made: Containers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the wait takes a place among the boots for a minute, and its failure hits the next instance of the name."""
    knocks: list[str] = []

    def knock(address: str, _: int) -> None:
        knocks.append(address)
        made.applications.forget("web-1")

    watch(made, "web-1", os.getpid())
    monkeypatch.setattr(containers, "knock", knock)
    monkeypatch.setattr(containers, "BOOT_S", 0.05)
    with pytest.raises(BootError):
        made.await_health("web-1", 1)
    assert len(knocks) <= 2


def test_interrupt_from_the_terminal_does_not_reach_a_command_that_runs() -> None:
    """A second Ctrl-C must not cut the tidying short."""
    done = run([sys.executable, "-S", "-c", "import os; print(os.getpgrp())"], 5.0)
    assert int(done.stdout) != os.getpgrp()
