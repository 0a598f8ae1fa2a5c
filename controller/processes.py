"""Commands that are run, and processes that another controller started, found by their command lines."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from controller.ports import ControllerError

Words = Sequence[bytes]


class Process(NamedTuple):
    """Its pid, its parent's, and that of its session's first process."""

    pid: int
    parent: int
    session: int


def processes(is_it: Callable[[Words], bool]) -> list[Process]:
    """Those whose command line, as words, is what is looked for."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            if is_it((folder / "cmdline").read_bytes().split(b"\0")) and is_of_host(folder):
                _, parent, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
                found.append(Process(int(folder.name), int(parent), int(session)))
    return found


def is_of_host(process: Path) -> bool:
    """Is it in our pid namespace? What runs in an instance may call itself as it likes. Raises OSError."""
    return (process / "ns/pid").readlink() == Path("/proc/self/ns/pid").readlink()


def lives(pid: int) -> bool:
    """Is there such a process? One that has ended and waits to be reaped is none."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def program(words: Words) -> str:
    """The program's name, without its folder."""
    return Path(os.fsdecode(words[0])).name


def run(
    command: Sequence[str], timeout_s: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises ControllerError when it has to be killed."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=environment,
            start_new_session=True,  # a Ctrl-C at the terminal is for the controller alone
        )
    except subprocess.TimeoutExpired as error:
        raise ControllerError(f"{Path(command[0]).name} did not end within {timeout_s:g} s") from error
