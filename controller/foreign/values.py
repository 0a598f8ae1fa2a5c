"""Values of a foreign file, each checked at its place."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from controller.foreign import PlaceError, leftovers

UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


def at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def get(place: str, parent: Mapping[str, Any], key: str) -> Any:
    """What stands under a key that must be there."""
    if parent.get(key) is None:
        raise PlaceError(at(place, key), "is missing")
    return parent[key]


def mapping(place: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PlaceError(place, f"{short(value)}: must be a mapping of keys to values")
    return value


def listing(place: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise PlaceError(place, f"{short(value)}: must be a list")
    return value


def text(place: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise PlaceError(place, f"{short(value)}: must be a text")
    return value


def flag(place: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise PlaceError(place, f"{short(value)}: must be true or false")
    return value


def number(place: str, value: Any) -> float:
    """A finite number, or the text of one, which these formats write as often."""
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise PlaceError(place, f"{short(value)}: must be a number")
    return found


def whole(place: str, value: Any, least: int | None = 0) -> int:
    found = number(place, value)
    if found != int(found) or (least is not None and found < least):
        raise PlaceError(place, f"{short(value)}: must be a whole number" + ("" if least is None else f" from {least}"))
    return int(found)


def choice(place: str, value: Any, legal: Mapping[str, str]) -> str:
    """Our word for one of several words, however it is capitalised."""
    ours = {word.lower(): meaning for word, meaning in legal.items()}.get(str(value).lower())
    if ours is None:
        raise PlaceError(place, f"{short(value)}: must be one of {', '.join(legal)}")
    return ours


def explained(document: Any, used: Iterable[str], why: Mapping[str, str]) -> list[str]:
    """The places under none of the used ones, with the reason by key; what is below such a key goes under its name."""
    reasons: dict[str, str] = {}
    for place in leftovers(_said(document), used):
        parts = re.split(r"(?=[.\[])", place)
        keys = [part.lstrip(".") for part in parts]
        end = next((index for index, key in enumerate(keys) if key in why), len(keys) - 1)
        reasons["".join(parts[: end + 1])] = why.get(keys[end], "no meaning here")
    return [f"{place}: {reason}" for place, reason in reasons.items()]


def _said(value: Any) -> Any:
    """Without the keys that stand for nothing, which some tools write out."""
    if isinstance(value, Mapping):
        return {key: _said(each) for key, each in value.items() if each is not None}
    return [_said(each) for each in value] if isinstance(value, list) else value


def short(value: Any) -> str:
    words = " ".join(repr(value).split())
    return words if len(words) <= 80 else f"{words[:77]}..."


def duration(place: str, value: Any) -> float:
    """The seconds of a duration of Go, such as 1m30s."""
    parts = PART.findall(value) if isinstance(value, str) else []
    if value != "0" and (not parts or "".join(map("".join, parts)) != value):
        raise PlaceError(place, f"{short(value)}: must be a duration such as 1m30s")
    return sum(float(amount) * UNITS_S[unit] for amount, unit in parts)
