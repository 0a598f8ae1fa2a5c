"""A controller's journal as events on one axis of time, however often the controller was started."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]


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
    """The journal's events; a last line that was cut off is left out."""
    events = []
    for line in path.read_text().splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return list(on_one_axis(events))


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
        for line in text.splitlines():
            self._take(json.loads(line))

    def _take(self, event: Event) -> None:
        self.counts[str(event.get("phase", event["event"]))] += 1
        if event["event"] == "start":
            self._origin_s = event["monotonic_s"]
            self.first_s = self._origin_s if self.first_s is None else self.first_s
        elif event["event"] == "tick":
            self.tick, self.tick_s = event, self._origin_s + event["t_s"]
