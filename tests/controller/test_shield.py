"""The rules that keep instances away from the host and from each other; what they do is seen in tests/host."""

import ipaddress
import subprocess
from typing import Any

import pytest

from controller import shield
from controller.site import Site


@pytest.mark.parametrize(
    ("subnet", "rule"),
    [
        ("10.87.65.0/24", "ether saddr & ff:ff:ff:ff:ff:00 == 02:00:0a:57:41:00 drop"),
        ("10.1.0.0/16", "ether saddr & ff:ff:ff:ff:00:00 == 02:00:0a:01:00:00 drop"),
        ("192.168.7.8/29", "ether saddr & ff:ff:ff:ff:ff:f8 == 02:00:c0:a8:07:08 drop"),
    ],
)
def test_instances_are_told_by_the_addresses_of_the_site_s_subnet(
    subnet: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def run(_: list[str], input: str, **_options: Any) -> subprocess.CompletedProcess[str]:
        sent.append(input)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert shield.put_up(Site(subnet=ipaddress.IPv4Network(subnet))) == ""
    assert rule in sent[0]
    assert "table bridge tidebed {" in sent[0]


def test_host_without_nftables_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert shield.put_up(Site()).startswith("nft: [Errno 2] No such file or directory")
    assert not shield.remove(Site())


def test_rules_that_the_kernel_refuses_are_told_by_the_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = subprocess.CompletedProcess([], 1, "", "Error: Operation not supported\n    chain x\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)
    assert shield.put_up(Site()) == "nft: Error: Operation not supported"


def test_table_that_is_gone_is_put_up_again_and_a_failure_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    there, errors, told = [True], [""], list[str]()

    def run(_: list[str], input: str, **_options: Any) -> subprocess.CompletedProcess[str]:
        if not input.startswith("list table bridge tidebed"):
            there[0] = not errors[0]
        return subprocess.CompletedProcess([], 0 if there[0] else 1, "", errors[0] or "Error: No such table")

    monkeypatch.setattr(subprocess, "run", run)
    keeper = shield.Keeper(Site(), told.append)
    keeper.look()
    assert told == []
    there[0], errors[0] = False, "Error: no memory"
    keeper.look()
    keeper.look()
    assert told == ["the rules that shut instances in are gone: nft: Error: no memory"]
    errors[0] = ""
    keeper.look()
    keeper.look()
    assert told[1:] == [
        "the rules that shut instances in were not found (nft: Error: No such table), and are put up again"
    ]
