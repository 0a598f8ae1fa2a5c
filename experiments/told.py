"""Errors that a person reads in one line."""

from controller.spelling import plain

LONGEST = 1000  # characters


class Told(Exception):
    """The message is one line of printable characters; no one wants to read a longer one."""

    def __init__(self, message: str) -> None:
        words = plain(message)
        super().__init__(words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}...")
