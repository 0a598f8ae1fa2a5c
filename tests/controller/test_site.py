"""Names, addresses and folders of a site."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.site import Site, mac


def test_everything_bears_the_prefix() -> None:
    site = Site(prefix="other")
    names = [site.bridge, site.template, site.container("web-3"), site.run_dir.name, site.lock_file.name]
    assert names == ["other0", "other-template", "other-web-3", "other", "other.lock"]


def test_lock_lies_beside_the_run_directory() -> None:
    assert not Site().lock_file.is_relative_to(Site().run_dir)


def test_first_address_is_the_bridge_s_and_slots_follow() -> None:
    site = Site()
    assert (site.gateway, site.address(1), site.address(2)) == ("10.87.65.1", "10.87.65.2", "10.87.65.3")


@given(st.integers(16, 29))
def test_every_slot_has_an_address_of_its_own_between_network_and_broadcast(length: int) -> None:
    site = Site(subnet=ipaddress.IPv4Network(f"10.0.0.0/{length}"))
    edges = {site.gateway, str(site.subnet.network_address), str(site.subnet.broadcast_address)}
    assert site.address(1) not in edges
    assert site.address(site.slots) not in edges
    assert site.address(site.slots) == str(site.subnet[-2])
    assert len({site.address(slot) for slot in range(1, min(site.slots, 300) + 1)}) == min(site.slots, 300)


def test_fleet_has_spare_slots_as_far_as_the_subnet_has_addresses() -> None:
    assert Site().slots_for(20) == 44
    assert Site(subnet=ipaddress.IPv4Network("10.0.0.0/29")).slots_for(20) == 5


@given(st.integers(1, 65000))
def test_slot_of_a_container_is_found_by_its_name(slot: int) -> None:
    site = Site()
    assert site.slot(site.container(f"{site.service}-{slot}")) == slot


@pytest.mark.parametrize(
    "name", ["tidebed-template", "tidebed-web", "tidebed-web-", "tidebed-web-x", "tidebed-shop-1", "web-1", "other", ""]
)
def test_other_containers_have_no_slot(name: str) -> None:
    assert Site().slot(name) is None


def test_mac_is_locally_administered_and_unicast() -> None:
    assert mac("10.87.65.2") == "02:00:0a:57:41:02"
    assert int(mac("255.255.255.255")[:2], 16) & 0b11 == 0b10


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_macs_differ_where_addresses_do(one: ipaddress.IPv4Address, other: ipaddress.IPv4Address) -> None:
    assert (mac(str(one)) == mac(str(other))) == (one == other)
