"""What becomes of the files that root makes."""

import os
from pathlib import Path

import pytest

from experiments.processes import hand_over


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int, int]]:
    calls: list[tuple[Path, int, int]] = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.chown", lambda path, uid, gid, **_: calls.append((path, uid, gid)))
    return calls


def test_results_become_the_property_of_the_user_who_called_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[tuple[Path, int, int]]
) -> None:
    monkeypatch.setenv("SUDO_UID", "1000")
    monkeypatch.setenv("SUDO_GID", "1001")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").touch()
    hand_over(tmp_path)
    of_root = [tmp_path, tmp_path / "run", tmp_path / "run" / "run.json"] if os.getuid() == 0 else []
    assert given == [(path, 1000, 1001) for path in of_root]


def test_root_s_own_results_stay_root_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[tuple[Path, int, int]]
) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    hand_over(tmp_path)
    assert given == []
