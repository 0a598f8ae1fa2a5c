"""Tests on real containers and a real HAProxy: they need root and the template, and use the host one at a time."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host import testbed
from tests.host.testbed import clean_host, left_behind, policy, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/host" in str(item.path):
            item.add_marker(pytest.mark.host)


@pytest.fixture(scope="session", autouse=True)
def ready_host() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.fail("these tests need root: run 'make test'")
    if not Path("/var/lib/lxc/tidebed-template/stamp").exists() or not shutil.which("haproxy"):
        pytest.fail("these tests need the template: run 'make test' or 'make rootfs'")
    clean_host()
    yield
    clean_host()


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """The test must leave the host as it was."""
    _fail_once_for_what_is_left()
    yield
    _fail_once_for_what_is_left()


def _fail_once_for_what_is_left() -> None:
    """It is removed, too: the next test is not to suffer for it."""
    left = left_behind()
    if left:
        clean_host()
    assert left == []


@pytest.fixture(scope="module")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testbed.Testbed]:
    """Two instances without a noticeable rate limit, shared by the tests of a module."""
    with running(tmp_path_factory.mktemp("testbed"), policy(minimum=2), instances=2) as made:
        yield made
