"""The file that HAProxy's messages go to."""

import contextlib
import os
from pathlib import Path

MOST_BYTES = 1 << 20  # it lies in memory, and HAProxy tells of each load and of each server's changes


def bound(log: Path) -> None:
    """Empty the file when it has grown large; HAProxy only appends."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > MOST_BYTES:
            os.truncate(log, 0)


def complaint(log: Path, offset: int) -> str:
    """What HAProxy wrote since `offset`, its alerts only, in one line. Raises OSError."""
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode(errors="replace").splitlines()
    alerts = [line.partition(" : ")[2] for line in lines if line.startswith("[ALERT]")]
    return "; ".join(alerts[:2]) or f"no reason given, see {log}"
