"""Objects as files in one directory that all instances share."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import quote, unquote

from webapp.inputs import BadInputError

NAME_LIMIT_BYTES = 255  # longest file name of the usual Linux file systems
COPY_BLOCK_BYTES = 256 * 1024


class IdTooLongError(BadInputError):
    """The object id does not fit into a file name."""

    status = 414


class IncompleteBodyError(BadInputError):
    """The body ended before its announced length."""


def file_name(object_id: str) -> str:
    """The file name for a non-empty `object_id`: its UTF-8 bytes, percent-encoded.

    Only ASCII letters, digits and `_ - ~ .` stand for themselves, and a dot does not where it leads: so no id
    can name `.`, `..`, a hidden file or anything in another directory. `object_id_of` is the inverse.

    Raises IdTooLongError when the name is longer than NAME_LIMIT_BYTES.
    """
    name = quote(object_id, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > NAME_LIMIT_BYTES:
        raise IdTooLongError(
            f"object id too long: percent-encoded it takes {len(name)} bytes, at most {NAME_LIMIT_BYTES} are legal"
        )
    return name


def object_id_of(name: str) -> str | None:
    """The object id whose file is called `name`, or None when `file_name` never makes that name."""
    try:
        object_id = unquote(name, errors="strict")
        return object_id if object_id and file_name(object_id) == name else None
    except ValueError:
        return None


class ObjectStore:
    """Objects by id, in `objects/` below a directory that many processes may use at the same time.

    A body is written to a temporary file in `.incoming/`, which no id can name, and published in one step: a
    reader sees the old bytes or the new ones. So each operation on one object happens at one moment, and nobody
    ever waits for another process, which may be paused. Who writes a temporary file holds a lock on it; one that
    nobody holds was left by a killed instance.

    Nothing is flushed to the disk on purpose (no fsync): an object survives the death of every instance, not that
    of the host.
    """

    def __init__(self, directory: Path) -> None:
        self.objects = directory / "objects"
        self.incoming = directory / ".incoming"

    def create_directories(self) -> None:
        """Create the two sub-directories where they are missing; raises OSError when that is not possible."""
        self.objects.mkdir(exist_ok=True)
        self.incoming.mkdir(exist_ok=True)

    def check(self) -> None:
        """Raise OSError unless objects can be read and written here. Costs a few system calls."""
        self.create_directories()
        for directory in (self.objects, self.incoming):
            if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(f"{directory} is not readable and writable")

    def ids(self) -> list[str]:
        """All object ids, sorted by code points.

        Each was there at some moment of the listing. Where a directory gives a replaced name a new place (tmpfs), an
        object that is replaced while more than a thousand are listed may be missing; on ext4 it is not.
        """
        # A set, for such a directory may also tell a name twice.
        return sorted({object_id for name in self._names() if (object_id := object_id_of(name)) is not None})

    def open(self, object_id: str) -> BinaryIO:
        """The object's content, open for reading: it stays what it is now even when the object is replaced.

        Raises FileNotFoundError when there is no such object, IdTooLongError.
        """
        return (self.objects / file_name(object_id)).open("rb")

    def put(self, object_id: str, body: IO[bytes], body_bytes: int | None = None) -> bool:
        """Store all of `body` under `object_id`; True when the object is new, False when it replaced another.

        `body_bytes` is the announced length. On any error what was there stays, and no temporary file does.
        Raises IdTooLongError, IncompleteBodyError, OSError (ENOSPC or EDQUOT when the disk is full).
        """
        destination = self.objects / file_name(object_id)
        self.create_directories()
        with self._temporary_file() as file:
            shutil.copyfileobj(body, file, COPY_BLOCK_BYTES)
            if body_bytes is not None and file.tell() != body_bytes:
                raise IncompleteBodyError(f"body ended after {file.tell()} of {body_bytes} bytes: nothing stored")
            file.flush()
            return _publish(Path(file.name), destination)

    def delete(self, object_id: str) -> None:
        """Delete one object. Raises FileNotFoundError when there is none, IdTooLongError."""
        (self.objects / file_name(object_id)).unlink()

    def delete_all(self) -> int:
        """Delete every object that exists now, and stale temporary files; the number of objects deleted here."""
        deleted = 0
        for name in self._names():
            if object_id_of(name) is not None:
                with contextlib.suppress(FileNotFoundError):
                    (self.objects / name).unlink()
                    deleted += 1
        self.delete_stale()
        return deleted

    def delete_stale(self) -> None:
        """Delete the temporary files that instances left when they were killed in the middle of a PUT."""
        with contextlib.suppress(OSError):
            for path in self.incoming.iterdir():
                # Not waiting for a writer, should it be a pipe.
                with contextlib.suppress(OSError), os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while somebody writes it
                    path.unlink()

    @contextlib.contextmanager
    def _temporary_file(self) -> Iterator[IO[bytes]]:
        """A new locked file; at the end its name goes, whatever that stands for then."""
        with self._create_temporary() as file:
            try:
                yield file
            finally:
                with contextlib.suppress(OSError):  # what is left, delete_stale finds
                    Path(file.name).unlink()

    def _create_temporary(self) -> IO[bytes]:
        while True:
            # Every instance is PID 1 in its own container: only a random name is unique among them.
            file = (self.incoming / os.urandom(16).hex()).open("xb")
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file.fileno()).st_nlink:
                    return file
            file.close()  # delete_stale was here before the lock

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.objects)  # noqa: PTH208  (names are wanted, not paths)
        except FileNotFoundError:
            return []


def _publish(temporary: Path, destination: Path) -> bool:
    """Give the finished file its name; True when nothing had that name. What had it is called `temporary` then.

    The link fails where the name exists, so of many writers of a new object exactly one creates it; the exchange fails
    where it does not, so nobody replaces what was just deleted. Whoever fails at both was overtaken, and tries again.
    """
    while True:
        with contextlib.suppress(FileExistsError):
            destination.hardlink_to(temporary)
            return True
        with contextlib.suppress(FileNotFoundError):
            _exchange(temporary, destination)
            return False


def _exchange(temporary: Path, destination: Path) -> None:
    from webapp import kernel  # imported late: it takes 2 ms, and an instance boots without it

    try:
        kernel.exchange(str(temporary), str(destination))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        temporary.replace(destination)  # no exchange here: "replaced" may be told of an object just deleted
