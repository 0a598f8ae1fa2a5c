"""What is known to stand against mapped ids before one tries."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import mapped_ids
from controller.mapped_ids import MAPPED_ID, MAPPED_IDS, idmap, obstacle


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own, which is closed to other users."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def test_ids_are_ones_that_nobody_else_hands_out() -> None:
    assert MAPPED_ID > 2_000_200_000
    assert MAPPED_ID + MAPPED_IDS <= 2_147_352_576
    assert idmap() == ["lxc.idmap = u 0 2097152000 65536", "lxc.idmap = g 0 2097152000 65536"]


def test_nothing_is_known_against_folders_that_all_may_pass_to(folder: Path) -> None:
    (folder / "own").mkdir(mode=0o700)
    assert obstacle(folder / "own", folder / "not there yet") == ""


def test_folder_behind_a_closed_one_is_told_with_what_to_do(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o750)
    expected = f"{closed} is closed to other users (try: chmod o+x {closed})"
    assert obstacle(folder, closed / "objects") == expected
    (folder / "link").symlink_to(closed)
    assert obstacle(folder / "link" / "objects") == expected


@pytest.mark.parametrize(("text", "why"), [("0\n", " is 0"), (None, "this kernel has no user namespaces")])
def test_kernel_without_user_namespaces_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, why: str
) -> None:
    monkeypatch.setattr(mapped_ids, "MOST_NAMESPACES", folder / "setting")
    if text is not None:
        (folder / "setting").write_text(text)
    assert why in obstacle(folder)
