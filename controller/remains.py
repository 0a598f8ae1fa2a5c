"""What a controller that was killed left half done, before its instances and its HAProxy are adopted."""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Container
from pathlib import Path

from controller.processes import Words, processes, program
from controller.site import Site
from controller.usage import CGROUPS

log = logging.getLogger("controller")

COMMANDS = ("lxc-copy", "lxc-stop")
COMMAND_S = 1.0  # the longest that a command which nobody waits for any more may take
POLL_S = 0.01


def end_commands(site: Site) -> None:
    """See LXC's commands of an earlier controller to their ends: before, it cannot be told what they leave. One that
    hangs is killed."""

    ours = os.fsencode(site.container(f"{site.service}-"))

    def is_ours(words: Words) -> bool:
        return program(words) in COMMANDS and any(word.startswith(ours) for word in words[1:])

    deadline = time.monotonic() + COMMAND_S
    while hanging := processes(is_ours):
        if time.monotonic() > deadline:
            log.warning("killing %d commands of LXC that an earlier controller began and that hang", len(hanging))
            for process in hanging:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            return
        time.sleep(POLL_S)


def remove_files(folder: Path, instances: Container[str]) -> None:
    """Remove the files of all other instances: the earlier controller was killed between an instance's end and
    theirs."""
    for path in folder.glob("*"):
        if path.name.partition(".")[0] not in instances:
            path.unlink(missing_ok=True)


def remove_cgroups(site: Site) -> None:
    """Remove the empty control groups that a killed container monitor left behind."""
    for kind in ("payload", "monitor"):
        for folder in [*CGROUPS.glob(f"lxc.{kind}.{site.prefix}-*"), *CGROUPS.glob(f"*/lxc.{kind}.{site.prefix}-*")]:
            with contextlib.suppress(OSError):  # still in use, or removed with another hierarchy's link
                folder.rmdir()
