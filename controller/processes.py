"""Commands that are run, and processes that another controller started, found by their command lines."""

import contextlib
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.ports import ControllerError

Words = Sequence[bytes]


def parents(is_it: Callable[[Words], bool]) -> dict[int, int]:
    """The processes whose command line, as words, is what is looked for; by pid, each with its parent's."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            if is_it((folder / "cmdline").read_bytes().split(b"\0")):
                found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def run(command: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises ControllerError when it has to be killed."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            start_new_session=True,  # a Ctrl-C at the terminal is for the controller alone
        )
    except subprocess.TimeoutExpired as error:
        raise ControllerError(f"{command[0]} did not end within {timeout_s:g} s") from error
