"""An audit from inside an instance, for both ways to boot, with mapped ids and without."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller import shield
from controller.mapped_ids import MAPPED_ID
from controller.processes import processes
from controller.removal import lxc_path, monitor_pid
from controller.site import Site
from tests.host.inside import Instance, instances, probed_site
from tests.host.testbed import command_lines, left_behind, run, until

NOBODY = 65534
PRIVATE = {"mnt", "pid", "net", "uts", "ipc", "cgroup"}
# Where an instance may write: its objects, its own /tmp, and devices that lead nowhere.
WRITABLE = {"/objects", "/objects/objects", "/objects/.incoming", "/tmp"}
DEVICES = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "console")}
DEVICES |= {"/dev/lxc/console", "/dev/pts/ptmx", "/dev/pts/0"}
MOUNTS = {
    "/": {"ro"},
    "/dev": set(),
    "/dev/pts": {"nosuid", "noexec"},
    "/objects": {"rw", "nosuid", "nodev", "noexec"},
    "/proc": {"nosuid", "nodev", "noexec"},
    "/proc/sys": {"ro"},
    "/run": {"rw", "nosuid", "nodev", "noexec"},
    "/tmp": {"rw", "nosuid", "nodev", "noexec"},
}
if Path("/proc/sysrq-trigger").exists():  # where the kernel has it, LXC lets nobody write to it
    MOUNTS["/proc/sysrq-trigger"] = {"ro"}
OUTSIDE, LINK_LOCAL = "192.0.2.1", "fe80::aff:fe57:4103%eth0"  # nobody's, and the second instance's own


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with probed_site(tmp_path_factory.mktemp("probed")) as made:
        yield made
    assert left_behind() == []


@pytest.fixture(
    scope="module",
    params=[("exec", True), ("zygote", True), ("exec", False), ("zygote", False)],
    ids=["exec-mapped", "zygote-mapped", "exec-plain", "zygote-plain"],
)
def pair(request: pytest.FixtureRequest, site: Site) -> Iterator[list[Instance]]:
    with instances(site, *request.param) as made:
        yield made


@pytest.fixture(scope="module")
def facts(pair: list[Instance]) -> Any:
    return pair[0].probe("facts()")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A service of the host, as many have one: it listens on all addresses."""
    with socket.create_server(("0.0.0.0", 0)) as made:
        made.settimeout(0.3)
        yield made


def mapped(instance: Instance) -> bool:
    return instance.containers.mapped


def test_namespaces_are_its_own(pair: list[Instance], facts: Any) -> None:
    host = {path.name: str(path.readlink()) for path in Path("/proc/self/ns").iterdir()}
    other = pair[1].probe("facts()")["namespaces"]
    for name in PRIVATE | ({"user"} if mapped(pair[0]) else set()):
        assert facts["namespaces"][name] not in (host[name], other[name]), name


def test_it_is_nobody_without_any_right(pair: list[Instance], facts: Any) -> None:
    status = facts["status"]
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Groups"]) == ("1", "2", "")
    assert status["Uid"].split() == status["Gid"].split() == [str(NOBODY)] * 4
    on_host = Path(f"/proc/{pair[0].pid}/status").read_text()
    expected = MAPPED_ID + NOBODY if mapped(pair[0]) else NOBODY
    assert f"\nUid:\t{expected}\t" in on_host
    assert f"\nGid:\t{expected}\t" in on_host


def test_its_users_are_nobody_on_the_host(pair: list[Instance], facts: Any) -> None:
    expected = ["0", str(MAPPED_ID), "65536"] if mapped(pair[0]) else ["0", "0", "4294967295"]
    assert facts["uid_map"] == facts["gid_map"] == expected


def test_mounts_are_those_that_are_meant(pair: list[Instance], facts: Any) -> None:
    options = {line[1]: set(line[3].split(",")) for line in facts["mounts"]}
    folders = {path for path in options if path not in DEVICES and not path.endswith("boot_id")}
    assert folders == set(MOUNTS)
    for path, wanted in MOUNTS.items():
        if path != "/objects" or mapped(pair[0]):  # LXC takes these options only together with mapped ids
            assert wanted <= options[path], path


def test_it_may_write_its_objects_and_nothing_else_that_lasts(pair: list[Instance]) -> None:
    assert {path for path in pair[0].probe("writable()") if path not in DEVICES} == WRITABLE
    assert pair[0].probe("privileged_files()") == []


def test_it_sees_only_itself(facts: Any) -> None:
    assert len(facts["processes"]) <= 2
    assert facts["processes"][0] == 1
    assert facts["links"] == ["eth0", "lo"]
    assert [line.split()[1] for line in facts["routes"]] == ["0041570A"]


def test_nothing_of_the_host_s_environment_comes_along(facts: Any) -> None:
    expected = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "RATE_LIMIT_RPS", "container", "LC_CTYPE"}
    assert set(facts["environment"]) <= expected
    assert facts["environment"]["PATH"] == "/usr/local/bin:/usr/bin:/bin"


def test_it_has_only_files_of_its_own_open(pair: list[Instance]) -> None:
    found = pair[0].probe("descriptors()")
    assert set(found) <= {"/dev/pts/0", "/dev/console", "/dev/null", "pipe", "socket"}
    assert found.count("socket") == 2  # the one that listens, and the connection of this request


def test_what_needs_a_right_is_refused(pair: list[Instance]) -> None:
    deeds = pair[0].probe("forbidden_deeds()")
    refused = ("EPERM", "EACCES", "EROFS", "ENOENT", "ENOLCK", "EMFILE")
    assert [name for name, outcome in deeds.items() if outcome not in refused] == []


def test_whatever_it_calls_itself_it_is_no_process_of_the_host_s(pair: list[Instance]) -> None:
    title = f"[lxc monitor] {lxc_path()} tidebed-web-99"
    pair[0].probe(f"pose_as({title!r})")
    assert any(title in word for _, words in command_lines() for word in words)
    assert monitor_pid("tidebed-web-99") is None
    assert processes(lambda words: words[0] == title.encode()) == []


def test_neither_host_nor_neighbour_nor_anything_beyond_is_reached(
    pair: list[Instance], site: Site, listener: socket.socket
) -> None:
    first, second = pair
    port = listener.getsockname()[1]
    with socket.create_connection((site.gateway, port), timeout=5):
        listener.accept()  # the service is there
    near = [(host, number) for host in (site.gateway, second.address) for number in (port, site.port, 22)]
    assert first.probe(f"connect({near})") == ["timed out"] * len(near)
    assert first.probe(f"connect([({LINK_LOCAL!r}, {site.port})])") == ["EPERM"]
    beyond = [(OUTSIDE, 80), *((address, port) for address in other_addresses())]
    assert first.probe(f"connect({beyond})") == ["ENETUNREACH"] * len(beyond)
    with pytest.raises(TimeoutError):
        listener.accept()


def other_addresses() -> list[str]:
    """The host's addresses, those of its loopback and of the instances' bridge apart."""
    links = json.loads(run("ip", "-json", "-4", "address").stdout)
    found = [address["local"] for link in links for address in link["addr_info"]]
    return [address for address in found if not address.startswith(("127.", "10.87.65."))]


def test_neighbours_and_host_hear_no_datagram(pair: list[Instance], site: Site) -> None:
    first, second = pair
    before = second.probe("datagrams_without_a_port()")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hearer:
        hearer.bind(("0.0.0.0", 0))
        hearer.settimeout(0.3)
        first.probe(f"tell({site.gateway!r}, {hearer.getsockname()[1]})")
        first.probe(f"tell({second.address!r}, 9)")
        with pytest.raises(TimeoutError):
            hearer.recv(100)
    assert second.probe("datagrams_without_a_port()") == before


def bridged_frames_are_filtered() -> bool:
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    return setting.exists() and setting.read_text().strip() == "1"


def test_without_the_shield_they_are_reached(pair: list[Instance], site: Site, listener: socket.socket) -> None:
    """Else the two tests before would show nothing."""
    if bridged_frames_are_filtered():
        pytest.skip("a firewall of this host filters what crosses a bridge, as Docker's does")
    first, second = pair
    shield.remove(site)
    try:
        near = [(site.gateway, listener.getsockname()[1]), (second.address, site.port)]
        until(lambda: first.probe(f"connect({near}, patience_s=5)") == ["done", "done"])  # it may have given up ARP
        before = second.probe("datagrams_without_a_port()")
        first.probe(f"tell({second.address!r}, 9)")
        assert second.probe("datagrams_without_a_port()") == before + 1
    finally:
        assert shield.put_up(site) == ""


def test_number_of_processes_is_limited(pair: list[Instance]) -> None:
    assert 10 < pair[0].probe("fork_bomb()") < 64
    assert pair[0].probe("1") == 1


def test_memory_is_limited(pair: list[Instance]) -> None:
    assert pair[0].probe("eat_memory(100)") == "done"
    assert pair[0].probe("eat_memory(300)") == "SIGKILL"
    assert pair[0].containers.died() == set()
