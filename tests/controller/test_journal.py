"""The journal's lines."""

import contextlib
import json
from pathlib import Path

import pytest

from controller.journal import FileJournal, NoJournal
from controller.model import Phase


def test_each_event_is_one_json_line_at_once(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    journal.write(1.23456, "instance", instance="web-1", phase=Phase.BOOTING, reason="zwei\nZeilen ü")
    (line,) = (tmp_path / "journal").read_text().splitlines()
    assert json.loads(line) == {
        "t_s": 1.2346, "event": "instance", "instance": "web-1", "phase": "BOOTING", "reason": "zwei\nZeilen ü"
    }  # fmt: skip
    journal.close()


def test_journal_is_continued(tmp_path: Path) -> None:
    for number in range(2):
        journal = FileJournal(tmp_path / "journal")
        journal.write(number, "start")
        journal.close()
    assert len((tmp_path / "journal").read_text().splitlines()) == 2


def test_half_a_line_of_a_controller_that_was_killed_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text('{"t_s": 0, "event": "start"}\n{"t_s": 0.5, "eve')
    journal = FileJournal(path)
    journal.write(1, "start")
    journal.close()
    assert [json.loads(line)["t_s"] for line in path.read_text().splitlines()] == [0, 1]


def test_a_file_that_is_no_journal_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("without an end of line")
    FileJournal(path).close()
    assert path.read_text() == "without an end of line"


def test_value_of_another_kind_is_written_as_text(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal")
    journal.write(0, "start", path=Path("/a"))
    assert json.loads((tmp_path / "journal").read_text())["path"] == "/a"
    journal.close()


def test_journal_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        FileJournal(tmp_path / "none" / "journal")


def test_nobody_s_journal_takes_everything() -> None:
    NoJournal().write(0, "start", anything=1)
    NoJournal().close()


def test_full_disk_is_no_reason_to_stop() -> None:
    journal = FileJournal(Path("/dev/full"))
    try:
        journal.write(0, "tick")
    finally:
        with contextlib.suppress(OSError):
            journal.close()
