"""One controller at a time on a host: a locked file with its pid."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import TextIO

from controller.ports import ControllerError
from controller.site import Site

PATIENCE_S = 0.3  # for one that is just ending, or only looks who has the lock


@contextlib.contextmanager
def only_one(site: Site) -> Iterator[TextIO]:
    """Hold the site's lock. Raises ControllerError when another controller has it."""
    deadline = time.monotonic() + PATIENCE_S
    while (lock := _locked(site)) is None:
        if time.monotonic() > deadline:
            raise ControllerError(f"another controller runs on this host (pid {controller_pid(site) or '?'})")
        time.sleep(0.01)
    with lock:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield lock
        finally:
            site.lock_file.unlink(missing_ok=True)


def _locked(site: Site) -> TextIO | None:
    """The lock file, locked; None while another process has it, or has just removed it. Raises ControllerError."""
    try:
        lock = open(site.lock_file, "a+", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115
        os.fchmod(lock.fileno(), 0o600)  # who can read it can lock it
    except OSError as error:
        raise ControllerError(f"{site.lock_file}: {error.strerror}") from error
    with contextlib.suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock.fileno()), site.lock_file.stat()):
            return lock
    lock.close()
    return None


def controller_pid(site: Site) -> int | None:
    """The pid of the controller that holds the site's lock, None where none does."""
    with contextlib.suppress(OSError, ValueError), site.lock_file.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read())
    return None
