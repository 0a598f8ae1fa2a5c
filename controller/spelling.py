"""Which known word was probably meant."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], alike: float = 0.6) -> str:
    """The most similar of the known words, whatever its capitals, "" where none is at least so much `alike` (0 to 1, as
    difflib.SequenceMatcher.ratio has it)."""
    by_small = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=alike)
    return by_small[found[0]] if found else ""
