"""A journal that several controllers wrote, one after the other."""

import json
from pathlib import Path

from experiments.journal import Tail, read_journal

EVENTS = [
    {"t_s": 0, "event": "start", "monotonic_s": 1000.0},
    {"t_s": 2.5, "event": "tick", "wanted": 1},
    {"t_s": 0, "event": "start", "monotonic_s": 1003.0},
    {"t_s": 0.25, "event": "tick", "wanted": 2},
]


def written(path: Path, end: str = "") -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in EVENTS) + end)
    return path


def test_times_count_from_the_first_start(tmp_path: Path) -> None:
    events = read_journal(written(tmp_path / "journal.jsonl"))
    assert [event["t_s"] for event in events] == [0, 2.5, 3.0, 3.25]


def test_a_last_line_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    assert len(read_journal(written(tmp_path / "journal.jsonl", '{"t_s": 0.5, "eve'))) == 4


def test_the_tail_follows_what_is_written(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.jsonl", '{"t_s": 0.5, "event": "ti')
    tail = Tail(path)
    tail.follow()
    assert (tail.first_s, tail.tick_s, tail.tick) == (1000.0, 1003.25, EVENTS[-1])
    with path.open("a") as file:
        file.write('ck", "wanted": 3}\n')
    tail.follow()
    assert tail.tick is not None
    assert (tail.tick_s, tail.tick["wanted"]) == (1003.5, 3)
