"""Contents that tell what they are: every piece of one names the write that it comes from."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter

RECORD_BYTES = 16
UNWRITTEN = "?"  # with this begins what is told of a content that nobody wrote


def content(number: int, size_bytes: int) -> bytes:
    """The content of a write: its number again and again, the digit that changes most first."""
    record = str(number)[::-1].encode().ljust(RECORD_BYTES - 1, b"-") + b"\n"
    return (record * (size_bytes // RECORD_BYTES + 1))[:size_bytes]


class Names:
    """The names of all contents that were written. Those of a few bytes may be equal; then they share a name."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, bytes], str] = {}
        self._lock = threading.Lock()

    def add(self, key: str, number: int, written: bytes) -> str:
        """The name of what is about to be written to this object."""
        with self._lock:
            name = f"value {number} of {len(written)} bytes"
            return self._names.setdefault((key, hashlib.sha256(written).digest()), name)

    def of(self, key: str, read: bytes) -> str:
        """The name of what was read from this object."""
        name = self._names.get((key, hashlib.sha256(read).digest()))
        return name or f"{UNWRITTEN}{len(read)} bytes that nobody wrote ({composition(read)})"


def composition(read: bytes) -> str:
    """What a content is made of, in words."""
    records = (read[at : at + RECORD_BYTES] for at in range(0, len(read), RECORD_BYTES))
    counts = Counter(_source(record) for record in records)
    return ", ".join(f"{count} records of {source}" for source, count in counts.most_common(4)) or "empty"


def _source(record: bytes) -> str:
    digits = record.rstrip(b"\n").rstrip(b"-")[::-1]
    return f"value {int(digits)}" if digits.isdigit() and len(record) == RECORD_BYTES else "no value"
