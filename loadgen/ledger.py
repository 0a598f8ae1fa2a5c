"""What became of each arrival, and the CSV file it is written to."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

FLUSH_INTERVAL_S = 1.0


class Record(NamedTuple):
    """One arrival; times in seconds of CLOCK_MONOTONIC, None for what did not happen."""

    due_s: float
    sent_s: float | None
    done_s: float | None
    kind: str  # put, get or integral
    status: int  # of HTTP; 0 when there was no response
    outcome: str  # served (2xx), rejected (429), failed (anything else) or dropped (never sent)
    error: str = ""  # why it failed


def outcome_of(status: int, error: str) -> str:
    """The outcome of a request that was sent, from its HTTP status and the error of its transport, "" for none."""
    if error:
        return "failed"
    if status == 429:
        return "rejected"
    return "served" if 200 <= status < 300 else "failed"


class Ledger:
    """Keeps the records of a run and writes them to a CSV file, when there is one, as they come.

    Rows come in the order in which the requests end. Raises OSError when the file cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.records: list[Record] = []
        self._file = path.open("w", newline="", encoding="utf-8") if path else None
        self._writer = csv.writer(self._file, lineterminator="\n") if self._file else None
        self._flushed_s = 0.0
        if self._writer:
            self._writer.writerow(Record._fields)

    def add(self, record: Record, now_s: float) -> None:
        """Keep `record`; the file is flushed when that was not done in the second before `now_s`."""
        self.records.append(record)
        if not self._writer or not self._file:
            return
        times = ("" if time_s is None else f"{time_s:.6f}" for time_s in record[:3])
        self._writer.writerow((*times, *record[3:]))
        if now_s - self._flushed_s >= FLUSH_INTERVAL_S:
            self._file.flush()
            self._flushed_s = now_s

    def close(self) -> None:
        """Write what is left; more records are kept, but not written."""
        if self._file:
            self._file.close()
        self._file = self._writer = None
