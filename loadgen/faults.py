"""What is wrong with an input, told in one line that a terminal can show."""

from __future__ import annotations

from typing import Any

LONGEST, LONGEST_VALUE = 1000, 80  # characters, of a message and of a value in it


class Fault(ValueError):
    """The message is one line of printable characters."""

    def __init__(self, message: str) -> None:
        words = plain(message)
        super().__init__(words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}...")


def plain(text: str) -> str:
    """In one line; what a terminal would not show as it is, or would obey, is written out."""
    if text.isprintable():
        return text
    words = " ".join(text.split())
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in words)


def shown(value: Any) -> str:
    """A value as it is written in Python, not longer than is readable."""
    try:
        text = repr(value)
    except ValueError:
        return "a very long number"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
