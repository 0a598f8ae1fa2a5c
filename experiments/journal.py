"""A controller's journal as events on one axis of time, however often the controller was started."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from experiments.content import is_number, json_of

Event = dict[str, Any]

LONGEST_S = 1e7  # of a run, about 116 days; no time on its axis lies further from 0
LATEST_S = 1e12  # of CLOCK_MONOTONIC
# What the readers of JSON, YAML and CSV raise: for values that are not what they seem, for what is nested too deeply.
UNREADABLE = (
    ValueError, yaml.YAMLError, csv.Error, RecursionError, TypeError, LookupError, AttributeError, ArithmeticError,
)  # fmt: skip


def event_of(line: str) -> Event | None:
    """The event of a journal's line, None where it is none: cut off, malformed, or without a time or a name."""
    try:
        event = json_of(line)
    except UNREADABLE:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    return event if is_time(event.get("t_s")) and is_time(event.get("monotonic_s", 0), LATEST_S) else None


def is_time(value: Any, latest_s: float = LONGEST_S) -> bool:
    """Is it a number of seconds, and a run's not too long for it?"""
    return is_number(value) and abs(value) < latest_s


def on_one_axis(events: Iterable[Event]) -> Iterator[Event]:
    """The events with `t_s` counted from the first start: a controller that is started again counts anew, and tells in
    `monotonic_s` from when."""
    origin_s, shift_s = None, 0.0
    for event in events:
        if event["event"] == "start" and "monotonic_s" in event:
            origin_s = event["monotonic_s"] if origin_s is None else origin_s
            shift_s = event["monotonic_s"] - origin_s
        yield {**event, "t_s": round(event["t_s"] + shift_s, 4)} if shift_s else event


def read_journal(path: Path) -> list[Event]:
    """The journal's events; lines that were cut off, as the last one of a controller that was killed, are left out."""
    found = map(event_of, path.read_text(errors="replace").split("\n"))
    events = on_one_axis(event for event in found if event is not None)
    return [event for event in events if is_time(event["t_s"])]


class Tail:
    """What a journal told last, followed while it is written; times in seconds of CLOCK_MONOTONIC."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._origin_s = 0.0
        self.first_s: float | None = None  # when the journal's time began
        self.tick: Event | None = None
        self.tick_s = 0.0
        self.counts: Counter[str] = Counter()  # of the events by kind, of instances by the phase that they entered

    def follow(self) -> None:
        """Take in what was written since the last call. Raises OSError."""
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            text, found, _ = file.read().rpartition(b"\n")
        self._read_bytes += len(text) + len(found)
        events = map(event_of, text.decode(errors="replace").split("\n"))
        for event in (event for event in events if event is not None):
            self._take(event)

    def _take(self, event: Event) -> None:
        self.counts[str(event.get("phase", event["event"]))] += 1
        if event["event"] == "start":
            self._origin_s = event.get("monotonic_s", 0.0)
            self.first_s = self._origin_s if self.first_s is None else self.first_s
        elif event["event"] == "tick":
            self.tick, self.tick_s = event, self._origin_s + event["t_s"]
