"""Options of Locust files, made of the fields of documents: command line, environment variables, web form.

A field `peak_rps` becomes `--peak`, `LOADGEN_PEAK` and a field of the web interface's form. What is given stays text
until the whole document is judged, so that it is refused in one line, whichever way it came.
"""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from loadgen.faults import Fault, shown

LOOPBACK = "127.0.0.1"
UNITS = {"_rps": "requests/s", "_s": "seconds"}  # what the ends of names mean


class OptionError(Fault):
    """An option's value is not legal; the message is one line that says what is."""


@dataclass(frozen=True)
class Option:
    """One option: `field` is the name in the document, `name` the one of the option, `dest` that in Locust's parsed
    options, which differs where the option is Locust's own."""

    field: str
    name: str
    dest: str
    default: str | None
    choices: tuple[str, ...] | None
    legal: str
    help: str

    @property
    def flag(self) -> str:
        """What it is called on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def is_locusts(self) -> bool:
        """Whether it is Locust's own."""
        return self.dest != self.name

    @property
    def env_var(self) -> str:
        """The environment variable."""
        return f"LOADGEN_{self.name.upper()}"


def options_of(model: type[BaseModel], leave_out: Collection[str] = ()) -> tuple[Option, ...]:
    """An option for each field of `model` that is not left out, called without its unit where that is not ambiguous."""
    options: dict[str, Option] = {}
    for field, schema in model.model_json_schema()["properties"].items():
        if field not in leave_out:
            plain = re.sub(f"({'|'.join(UNITS)})$", "", field)
            name = field if plain in options else plain
            options[name] = _option(field, name, schema)
    return tuple(options.values())


def _option(name: str, plain: str, field: Mapping[str, Any]) -> Option:
    kind = next(iter(field.get("anyOf", [field])))  # the second one of an optional field is null
    default = field.get("default")
    text = None if default is None else f"{default:g}" if isinstance(default, float) else str(default)
    legal = _legal(name, kind)
    told = f"{field['description']}; legal: {legal}; default: {'none' if text is None else text}"
    choices = tuple(kind["enum"]) if "enum" in kind else None
    return Option(name, plain, plain, text, choices, legal, told)


def _legal(name: str, kind: Mapping[str, Any]) -> str:
    """What is legal, in words, from the JSON schema of a field."""
    if "enum" in kind:
        return " or ".join(kind["enum"])
    if kind["type"] == "string":
        return "a path"
    number = "an integer" if kind["type"] == "integer" else "a number"
    above, least, most = kind.get("exclusiveMinimum"), kind.get("minimum"), kind["maximum"]
    span = f"above {above:.10g} and up to {most:.10g}" if least is None else f"from {least:.10g} to {most:.10g}"
    unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
    return f"{number} {span} {unit}".rstrip()


def add_options(parser: Any, options: Iterable[Option]) -> None:
    """Have Locust's parser know those `options` that are not its own, each with its environment variable. Locust's web
    interface, from which loads are started, and its master listen on loopback unless told otherwise."""
    parser.set_defaults(web_host=LOOPBACK, master_bind_host=LOOPBACK)
    group = parser.add_argument_group("Load")
    for option in (option for option in options if not option.is_locusts):
        action = group.add_argument(
            option.flag, dest=option.dest, type=str, default=option.default, env_var=option.env_var,
            choices=option.choices, metavar=option.dest.upper(), help=option.help,
        )  # fmt: skip
        action.include_in_web_ui = True  # what Locust's parser sets, but not its groups
        action.is_secret = action.is_required = action.is_multiple = False


def values_of(namespace: Namespace, options: Iterable[Option]) -> dict[str, Any]:
    """What is given for each field; an empty field of the web form gives nothing."""
    given = {option.field: getattr(namespace, option.dest) for option in options}
    return {field: value for field, value in given.items() if value not in (None, "")}


def option_error(error: ValidationError, options: Sequence[Option]) -> OptionError:
    """The first fault in terms of the options."""
    first = error.errors()[0]
    flags = {option.field: option for option in options}
    option = flags.get(str(first["loc"][-1])) if first["loc"] else None
    if option and first["type"] == "missing":
        return OptionError(f"{option.flag} is missing: {option.legal} is legal")
    if option:
        return OptionError(f"{option.flag} {shown(str(first['input']))} is not legal: {option.legal} is")
    text = first["msg"].removeprefix("Value error, ")
    return OptionError(re.sub(r"\w+", lambda word: flags[word[0]].flag if word[0] in flags else word[0], text))


def exit_with(error: Exception) -> None:
    """Print `error` in one line and leave with code 2, as argparse does."""
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(2)
