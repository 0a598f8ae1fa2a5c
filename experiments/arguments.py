"""Arguments of the commands, checked; each raises argparse.ArgumentTypeError with what is legal."""

import argparse
import re

WHOLE = re.compile(r"[0-9]{1,12}")
MOST_STRETCH = 10_000


def positive(text: str, most: int = 100) -> int:
    """An integer from 1 to `most`."""
    if not WHOLE.fullmatch(text) or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 1 to {most}")
    return int(text)


def factor(text: str) -> float:
    """By how much a load takes longer."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= MOST_STRETCH:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_STRETCH}")
    return value


def seed(text: str) -> int:
    """Of what is drawn: an integer of 32 bits."""
    if not WHOLE.fullmatch(text) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from 0 to {2**32 - 1}")
    return int(text)
