"""What a fuzz target is, and what holds for every parser: it accepts, or it refuses in one line that a person can read,
and it takes no longer than a moment."""

import atexit
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
LONGEST_MESSAGE = 1000  # characters; the longest lists of what is legal have some hundred
LONGEST_INPUT = 64 * 1024
SLOW_S = 2.0  # of CPU time, for an input of at most LONGEST_INPUT


class Finding(AssertionError):
    """The parser did what it must not do."""


class Slow(BaseException):
    """It took longer than SLOW_S; no parser may catch it."""


@dataclass(frozen=True)
class Target:
    """A parser, or a family of them: `check` raises for what must not be, whatever the bytes; it accepts `seeds`."""

    name: str
    check: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]


def require(truth: object, words: str) -> None:
    """Raise Finding unless it is so."""
    if not truth:
        raise Finding(words)


def accepted(parse: Callable[[], T], *refusals: type[Exception]) -> T | None:
    """What a parser makes of its input, None where it refuses it by one of its own errors."""
    try:
        return parse()
    except refusals as error:
        check_words(str(error))
        return None


def check_words(words: str) -> None:
    """Raise Finding unless these are one readable line, which a terminal shows as it is."""
    require(words, "the message is empty")
    require(words.isprintable(), f"the message is not one line of printable characters: {words!r}")
    require(len(words) <= LONGEST_MESSAGE, f"the message has {len(words)} characters: {words[:300]!r}")


@cache
def scratch() -> Path:
    """A folder of this process."""
    made = Path(tempfile.mkdtemp(prefix="tidebed-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def file_of(name: str, data: bytes) -> Path:
    """A file with this content, always the same one for the same name."""
    path = scratch() / name
    path.write_bytes(data)
    return path


def parts_of(data: bytes, number: int) -> tuple[int, bytes]:
    """Which of so many parsers is meant, by the first byte, and what it is to read."""
    return (data[0] % number, data[1:]) if data else (0, data)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise Slow in what uses more CPU time."""

    def give_up(_: int, __: FrameType | None) -> None:
        raise Slow(f"took more than {seconds:g} s of CPU time")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
