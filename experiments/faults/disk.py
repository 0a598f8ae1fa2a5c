"""A small disk of a run's own, in memory, so that it can be filled without harm to anybody else's."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from experiments.processes import RunError

SOURCE = "tidebed-disk"  # what the table of mounts calls it, by which it is found and removed


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """A disk of so many MiB, mounted on a new folder that is gone afterwards, with all on it. Raises RunError."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", SOURCE, str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        folder.rmdir()
        raise RunError(f"no disk for the objects: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
        folder.rmdir()
