"""Words for people: which known word was probably meant, and which are known; text of others in one plain line."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel


def plain(text: str) -> str:
    """In one line; what a terminal would not show as it is, or would obey, is written out."""
    if text.isprintable():
        return text
    words = " ".join(text.split())
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in words)


def nearest(word: str, known: Iterable[str], alike: float = 0.6) -> str:
    """The most similar of the known words, whatever its capitals, "" where none is at least so much `alike` (0 to 1, as
    difflib.SequenceMatcher.ratio has it)."""
    by_small = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=alike)
    return by_small[found[0]] if found else ""


def unknown(key: str, known: Iterable[str]) -> str:
    """What is wrong with a key that is none of the known ones."""
    words = list(known)
    meant = nearest(key, words)
    parts = [f"did you mean {meant}?"] * bool(meant) + [f"known are {', '.join(words)}"] * bool(words)
    return "is not a known key" + ("; " + " ".join(parts) if parts else "")


def keys_at(model: type[BaseModel], place: Iterable[Any]) -> list[str]:
    """The keys that a model knows at a place below it, which is given as pydantic's errors give it; none where it takes
    any."""
    root = model.model_json_schema()
    below = _resolved(root, root)
    for part in place:
        found = below.get("items") if isinstance(part, int) else below.get("properties", {}).get(part)
        below = _resolved(found or {}, root)
    return list(below.get("properties", {}))


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema of an option without what stands around it: that it may be left out, that it is defined elsewhere."""
    for choice in schema.get("anyOf", []):
        if "$ref" in choice or "items" in choice:
            return _resolved(choice, root)
    if "$ref" in schema:
        found: dict[str, Any] = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        return found
    return schema
