"""What is killed when LXC hangs: the container's processes, and never another's."""

from pathlib import Path

import pytest

from controller.removal import is_of

ROOT = Path("/sys/fs/cgroup/freezer")


@pytest.mark.parametrize(
    ("group", "own"),
    [("lxc.payload.tidebed-web-1", True), ("lxc.payload.tidebed-web-1-1", True), ("a/lxc.payload.tidebed-web-1", True),
     ("", False), ("lxc.payload.tidebed-web-12", False), ("lxc.payload.tidebed-web-1-x", False),
     ("lxc.monitor.tidebed-web-1", False), ("lxc.payload.tidebed-web-1/..", False)],
)  # fmt: skip
def test_only_the_container_s_own_control_group_is_killed(group: str, own: bool) -> None:
    """A process that ended is in the root group until it is reaped."""
    assert is_of("tidebed-web-1", ROOT / group) is own
