"""The journal: one JSON line a tick and one an event."""

import json
from pathlib import Path
from typing import TextIO


class FileJournal:
    """Appends to a file, each line as soon as it is written. Raises OSError at once when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", buffering=1)

    def write(self, t_s: float, event: str, **fields: object) -> None:
        self._file.write(json.dumps({"t_s": round(t_s, 4), "event": event, **fields}, default=str) + "\n")

    def close(self) -> None:
        self._file.close()


class NoJournal:
    """Where nobody asked for a journal."""

    def write(self, t_s: float, event: str, **fields: object) -> None:
        pass

    def close(self) -> None:
        pass
