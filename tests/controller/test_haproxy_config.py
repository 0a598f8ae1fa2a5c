"""The configuration that HAProxy gets."""

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.actions import Member
from controller.haproxy_config import HOLD_SCRIPT, Waiting, render, servers_of
from controller.requestlog import parse_request
from controller.site import Site

MEMBERS = [Member("web-2", 2), Member("web-1", 1), Member("web-7", 7, draining=True)]


def text_of(site: Site, members: list[Member], slots: int = 0, draining: frozenset[str] = frozenset()) -> str:
    return render(site, servers_of(site, members, slots, draining))


def servers(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("server ")]


def test_each_member_is_a_server_in_the_order_given() -> None:
    assert servers(text_of(Site(), MEMBERS)) == [
        "server web-2 10.87.65.3:8000",
        "server web-1 10.87.65.2:8000",
        "server web-7 10.87.65.8:8000 disabled",
    ]


def test_member_whose_drain_was_just_ordered_is_disabled_too() -> None:
    text = text_of(Site(), MEMBERS, draining=frozenset({"web-1", "web-99"}))
    assert [line.endswith(" disabled") for line in servers(text)] == [False, True, True]


def test_with_slots_every_slot_without_a_member_is_a_disabled_server() -> None:
    """So that a new member needs no reload."""
    lines = servers(text_of(Site(), MEMBERS[:2], slots=4))
    assert lines[:2] == ["server web-2 10.87.65.3:8000", "server web-1 10.87.65.2:8000"]
    assert lines[2:] == ["server web-3 10.87.65.4:8000 disabled", "server web-4 10.87.65.5:8000 disabled"]


def test_adopted_member_beyond_the_slots_keeps_its_server() -> None:
    lines = servers(text_of(Site(), [Member("web-7", 7)], slots=2))
    assert lines[0] == "server web-7 10.87.65.8:8000"
    assert len(lines) == 3


def test_without_members_the_back_end_is_empty() -> None:
    text = text_of(Site(), [])
    assert servers(text) == []
    assert "backend web\n" in text


def test_same_members_give_the_same_text() -> None:
    """Whether a reload is needed is told by comparing texts."""
    assert text_of(Site(), MEMBERS) == text_of(Site(), MEMBERS)


def test_values_come_from_the_site() -> None:
    site = Site(
        prefix="other", entry="127.0.0.1:81", stats="127.0.0.2:82", subnet=ipaddress.IPv4Network("10.1.2.0/28"),
        service="shop", port=8123, health_path="/up",
    )  # fmt: skip
    text = text_of(site, [Member("shop-1", 1)])
    for line in (
        "bind 127.0.0.1:81", "bind 127.0.0.2:82", "default_backend shop", "backend shop", "GET /up",
        "server shop-1 10.1.2.2:8123", "stats socket /run/other/admin/haproxy.sock mode 600", "log /run/other/log.sock",
    ):  # fmt: skip
        assert line in text
    assert "web" not in text.replace("webapp", "")


def test_file_ends_with_a_line_break() -> None:
    """HAProxy refuses a file that does not."""
    assert text_of(Site(), []).endswith("\n")
    assert text_of(Site(), MEMBERS).endswith("\n")


def test_log_format_is_the_one_that_the_request_log_reads() -> None:
    (logged,) = re.findall(r'log-format "(.*)"', text_of(Site(), []))
    values = {"%ST": "200", "%s": "web-1", "%Tw": "0", "%Tr": "3", "%Ta": "12", "%ts": "--", "%pid": "77"}
    request = parse_request(" ".join(values[part] for part in logged.split()), 1.0)
    assert request is not None
    assert (request.status, request.server, request.total_ms) == (200, "web-1", 12)


@pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed")
@pytest.mark.parametrize("members", [[], MEMBERS], ids=["empty", "three members"])
def test_haproxy_finds_the_file_valid(tmp_path: Path, members: list[Member]) -> None:
    (tmp_path / "haproxy.cfg").write_text(text_of(Site(), members))
    done = subprocess.run(
        ["haproxy", "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "[ALERT]" not in done.stderr


def test_requests_are_held_for_the_first_server_only_where_that_is_wanted() -> None:
    plain, holding = render(Site(), []), render(Site(), [], Waiting(for_first=True))
    assert "lua" not in plain
    assert f'lua-load "{HOLD_SCRIPT}"\n' in holding
    assert "http-request lua.hold web 5000 if { nbsrv eq 0 }\n" in holding
    assert "timeout queue 5s\n" in holding
