"""What a JSON or YAML file holds, refused where no reader could go on with it: numbers without end or not below
LARGEST_NUMBER, text that no file can hold, and in YAML dates, sets, aliases and whatever else JSON does not know."""

import json
from typing import Any, TypeGuard

import yaml

from loadgen.document import Loader

LARGEST_NUMBER = 1e18  # no number is as large: sums and products of such ones are finite, and integers fit into 64 bits
LONGEST_PLACE = 40  # characters of a key, in a message


def json_of(text: str) -> Any:
    """Raises what is in experiments.journal.UNREADABLE; a ValueError says where the fault is."""
    return _sound(json.loads(text))


def yaml_of(text: str) -> Any:
    """As json_of."""
    return _sound(yaml.load(text, Loader))


def is_number(value: Any) -> TypeGuard[float]:
    """One of JSON's; `true` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sound(value: Any) -> Any:
    if fault := fault_of(value):
        raise ValueError(fault)
    return value


def fault_of(value: Any) -> str:
    """The first one within that no reader could go on with, after its place; "" for none."""
    if isinstance(value, dict):
        found = ((key, "a key that is no text" if not isinstance(key, str) else fault_of(key) or fault_of(each))
                 for key, each in value.items())  # fmt: skip
        return next((f"{str(key)[:LONGEST_PLACE]}: {fault}" for key, fault in found if fault), "")
    if isinstance(value, list):
        return next((f"[{index}]: {fault}" for index, each in enumerate(value) if (fault := fault_of(each))), "")
    if isinstance(value, str):
        return "" if value.isascii() or _is_utf8(value) else "text that is not UTF-8"
    if isinstance(value, int | float):
        return "" if abs(value) < LARGEST_NUMBER else "a number that is too large or none"
    return "" if value is None else f"a {type(value).__name__}"


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)
