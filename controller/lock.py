"""One controller at a time on a host: a locked file with its pid."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import TextIO

from controller.ports import ControllerError
from controller.site import Site


@contextlib.contextmanager
def only_one(site: Site) -> Iterator[TextIO]:
    """Hold the site's lock. Raises ControllerError when another controller has it."""
    with site.lock_file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ControllerError(
                f"another controller runs on this host (pid {controller_pid(site) or '?'})"
            ) from error
        if not site.lock_file.exists() or os.fstat(lock.fileno()).st_ino != site.lock_file.stat().st_ino:
            raise ControllerError("another controller was just ending on this host: try again")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield lock
        finally:
            site.lock_file.unlink(missing_ok=True)


def controller_pid(site: Site) -> int | None:
    """The pid of the controller that holds the site's lock, None where none does."""
    with contextlib.suppress(OSError, ValueError), site.lock_file.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read())
    return None
