"""docs/policies.md, made of the policies' own files: what their docstrings say, and the options of their models.

    .venv/bin/python -m scripts.policy_docs        # writes it; a test compares the two
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from controller.config import PolicyFile
from controller.policies import POLICIES
from controller.policies.hpa_replicas import MOST

FILE = Path(__file__).parent.parent / "docs" / "policies.md"
UNITS = {"s": "s", "ms": "ms", "rps": "requests/s", "percent": "%", "percentage": "%"}
HEAD = """\
# The policies

What each computes, where its rule comes from, its options, and a complete file that uses it. Made by
`.venv/bin/python -m scripts.policy_docs` of the files in `controller/policies/`; change it there.
[Adding a policy](adding-a-policy.md) tells how to write one more.

"""
ABOUT_FILE = """\
## The policy file

A YAML file with exactly one policy. A *metric* is one of those in the [README](../README.md#metrics).
"""
LIST = "A list of one or more, each with:\n"
TABLE = ["| option | default | legal | unit | meaning |", "|---|---|---|---|---|"]

Schema = dict[str, Any]


def page() -> str:
    """The whole document."""
    contents = " · ".join(f"[{name}](#{name})" for name in POLICIES)
    parts = [HEAD + contents + "\n", ABOUT_FILE, tables(PolicyFile)]
    for name, kind in POLICIES.items():
        parts += [f"## {name}\n", prose(kind), tables(kind.Config)]
    return "\n".join(parts)


def prose(kind: Any) -> str:
    """The docstring of a policy's file in Markdown, with the example at its end."""
    module = sys.modules[kind.__module__]
    path = kind.__module__.replace(".", "/") + ".py"
    text = re.sub(r"\bcontroller\.policies\.(\w+)", r"[\1](../controller/policies/\1.py)", module.__doc__ or "")
    return f"[`{path}`](../{path})\n\n{_fenced(text.strip())}\n"


def _fenced(text: str) -> str:
    """Indented paragraphs as blocks of code in their language."""

    def fence(found: re.Match[str]) -> str:
        code = textwrap.dedent(found[0])
        language = "yaml" if re.search(r"^policy:", code, re.MULTILINE) else "python" if "class " in code else "text"
        return f"```{language}\n{code}\n```"

    return re.sub(r"(?<=\n\n) {4}.*(?:\n+ {4}.*)*", fence, text)


def tables(model: type[BaseModel]) -> str:
    """A table of the model's options, and one for each model within it, under the places where it stands."""
    root = model.model_json_schema()
    places: dict[str, list[str]] = {}
    if "items" in root:
        _gather(_model(root["items"]), root, "", places)
    else:
        _gather("", root, "", places)
    parts = []
    for name, where in places.items():
        found = root["$defs"][name] if name else root
        title = [f"{', '.join(f'`{place}`' for place in where)}: {found['description']}\n"] if where else []
        parts.append("\n".join([*title, *TABLE, *_rows(found)]) + "\n")
    return f"{LIST}\n{parts[0]}" + "\n".join(["", *parts[1:]]) if "items" in root else "\n".join(parts)


def _gather(name: str, root: Schema, place: str, places: dict[str, list[str]]) -> None:
    """Where each model stands, by its name; the outermost has none, and no place."""
    places.setdefault(name, []).extend([place] if place else [])
    for option, found in (root["$defs"][name] if name else root)["properties"].items():
        for inner, suffix in _models(found):
            _gather(inner, root, f"{place}.{option}{suffix}".lstrip("."), places)


def _models(found: Schema) -> Iterator[tuple[str, str]]:
    """The models that an option may hold, with [] where it is a list of them."""
    for each in found.get("anyOf", [found]):
        if "$ref" in each:
            yield _model(each), ""
        elif "$ref" in each.get("items", {}):
            yield _model(each["items"]), "[]"


def _model(reference: Schema) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _rows(schema: Schema) -> Iterator[str]:
    for name, found in schema["properties"].items():
        unit, meaning = _unit(name, found["description"])
        cells = (f"`{name}`", _default(name, found, schema), _legal(found), unit, meaning)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _unit(name: str, description: str) -> tuple[str, str]:
    """The unit, which stands in brackets before the meaning where the name does not tell it, and the meaning."""
    told = re.fullmatch(r"\[(.+?)\] (.+)", description, re.DOTALL)
    unit, meaning = (told[1], told[2]) if told else (UNITS.get(name.rsplit("_", 1)[-1], ""), description)
    return unit, " ".join(meaning.split())


def _default(name: str, found: Schema, schema: Schema) -> str:
    if name in schema.get("required", []):
        return "required"
    if "$ref" in found:
        return "its defaults"
    value = found.get("default", {})
    if value is None:
        return "none"
    if value in ("", {}):
        return "empty"
    if isinstance(value, list):
        return f"`{json.dumps(_given(value))}`"
    return f"`{value}`" if isinstance(value, str) else _plain(value)


def _given(value: Any) -> Any:
    """Without what stands for nothing."""
    if isinstance(value, dict):
        return {key: _given(each) for key, each in value.items() if each is not None}
    return [_given(each) for each in value] if isinstance(value, list) else value


def _legal(found: Schema) -> str:
    """What an option takes; that it may be left out tells its default."""
    found = next(each for each in found.get("anyOf", [found]) if each.get("type") != "null")
    if "$ref" in found:
        return "see below"
    if "enum" in found or "const" in found:
        return ", ".join(f"`{each}`" for each in found.get("enum", [found.get("const")]))
    if found["type"] == "array":
        return f"list of {_span(found.get('minItems', 0), found.get('maxItems'))}, see below"
    if found["type"] in ("integer", "number"):
        return _numbers(found)
    return str(found.get("format", {"boolean": "true, false", "object": "keys and values"}.get(found["type"], "text")))


def _numbers(found: Schema) -> str:
    low, above = found.get("minimum"), found.get("exclusiveMinimum")
    high, below = found.get("maximum"), found.get("exclusiveMaximum")
    whole = "whole, " if found["type"] == "integer" or found.get("multipleOf") == 1 else ""
    if above is None and below is None:
        return whole + ("any number" if low is None else _span(low, high))
    least = f"from {_plain(low)}" if above is None else f"above {_plain(above)}"
    most = f", below {_plain(below)}" if below is not None else "" if high is None else f", at most {_plain(high)}"
    return whole + least + most


def _span(low: float, high: float | None) -> str:
    endless = high is None or high == MOST
    return f"{_plain(low)} or more" if endless else f"{_plain(low)} to {_plain(high)}"


def _plain(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else json.dumps(value)


if __name__ == "__main__":
    FILE.write_text(page())
