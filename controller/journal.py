"""The journal: one JSON line a tick and one an event."""

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import TextIO

from controller.ports import Kind

log = logging.getLogger("controller")

LONGEST_LINE_BYTES = 1 << 20
BEGINNING = b'{"t_s":'  # of every line
ENCODER = json.JSONEncoder(default=str)


class FileJournal:
    """Appends to a file, each line as soon as it is written. Raises OSError at once when it cannot be opened.

    A disk that fills up later costs lines of the journal, not the service; the log says so.
    """

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", buffering=1)
        _cut_to_whole_lines(path)
        self._failing = False

    def write(self, t_s: float, event: Kind, **fields: object) -> None:
        line = ENCODER.encode({"t_s": round(t_s, 4), "event": event, **fields}) + "\n"
        try:
            self._file.write(line)
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("the journal loses lines: %s", error)
            self._failing = True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def _cut_to_whole_lines(path: Path) -> None:
    """A controller that was killed may have left half a line."""
    if not path.is_file():  # a terminal, a pipe
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST_LINE_BYTES))
        half = file.read().rpartition(b"\n")[2]
        if half.startswith(BEGINNING):
            file.truncate(size - len(half))


class NoJournal:
    """Where nobody asked for a journal."""

    def write(self, t_s: float, event: Kind, **fields: object) -> None:
        pass

    def close(self) -> None:
        pass
