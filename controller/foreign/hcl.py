"""HashiCorp's configuration language, as a mapping of blocks by their labels."""

from collections.abc import Mapping
from typing import Any

import hcl2
from lark import Token, Tree
from lark.exceptions import LarkError, UnexpectedInput

from controller.foreign import PlaceError
from controller.foreign.values import short

PLAIN = hcl2.SerializationOptions(
    with_comments=False, explicit_blocks=False, preserve_heredocs=False, strip_string_quotes=True
)


def parse(words: str) -> Mapping[str, Any]:
    """HCL as python-hcl2 makes it, strings without quotes. Raises PlaceError with line and column."""
    try:
        tree = hcl2.parses_to_tree(words)
        _attributes_once(tree)
        document: Mapping[str, Any] = hcl2.serialize(hcl2.transform(tree), serialization_options=PLAIN)
    except UnexpectedInput as error:
        raise PlaceError(f"line {error.line}, column {error.column}", f"unexpected {_found(error)}") from error
    except (LarkError, RuntimeError) as error:  # a RecursionError is one
        raise PlaceError("", f"is no HCL that can be read: {short(str(error))}") from error
    return document


def _found(error: UnexpectedInput) -> str:
    """What was found instead, in one line."""
    token = str(getattr(error, "token", getattr(error, "char", "")))
    if token.startswith("\n"):
        return "end of the line"
    return short(token.split("\n")[0]) if token else "end of the file"


def _attributes_once(tree: Tree[Any]) -> None:
    """Nomad refuses a repeated attribute; python-hcl2 would drop one."""
    for body in tree.find_data("body"):
        seen: set[str] = set()
        attributes = (each for each in body.children if isinstance(each, Tree) and each.data == "attribute")
        for name in (next(attribute.scan_values(_is_token)) for attribute in attributes):
            if str(name) in seen:
                raise PlaceError(f"line {name.line}, column {name.column}", f"{name} is given twice")
            seen.add(str(name))


def _is_token(value: Any) -> bool:
    return isinstance(value, Token)


def tidy(value: Any) -> Any:
    """Blocks by their labels: a list of one block is that block, a list of labelled ones a mapping."""
    if isinstance(value, Mapping):
        return {key: tidy(each) for key, each in value.items()}
    if not isinstance(value, list) or not value or not all(isinstance(each, Mapping) for each in value):
        return value
    tidied = [tidy(each) for each in value]
    if len(tidied) == 1:
        return tidied[0]
    labels = [next(iter(each)) for each in tidied if len(each) == 1 and isinstance(next(iter(each.values())), Mapping)]
    distinct = len(set(labels)) == len(tidied)
    return {label: each[label] for label, each in zip(labels, tidied, strict=True)} if distinct else tidied
