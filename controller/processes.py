"""Processes of this project that another controller started, found by their command lines."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

Words = Sequence[bytes]


def parents(is_it: Callable[[Words], bool]) -> dict[int, int]:
    """The processes whose command line, as words, is what is looked for; by pid, each with its parent's."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            if is_it((folder / "cmdline").read_bytes().split(b"\0")):
                found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return found
