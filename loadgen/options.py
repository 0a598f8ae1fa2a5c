"""The options of a load run: command line, environment variables and the form of Locust's web interface."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadgen.arrivals import ARRIVALS


class OptionError(ValueError):
    """An option's value is not legal; the message says what is."""


@dataclass(frozen=True)
class Option:
    """One option: `kind` makes its value from text, `is_legal` judges it, `legal` describes what is legal."""

    flag: str
    default: Any
    kind: Callable[[str], Any]
    is_legal: Callable[[Any], bool]
    legal: str
    help: str

    @property
    def name(self) -> str:
        """The attribute of the parsed options."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def env_var(self) -> str:
        """The environment variable."""
        return f"LOADGEN_{self.name.upper()}"

    def parse(self, text: str) -> Any:
        """The value of `text`; raises OptionError when it is not legal."""
        try:
            value = self.kind(text)
            if self.is_legal(value):
                return value
        except ValueError:
            pass
        raise OptionError(f"{self.flag} {text!r} is not legal: {self.legal} is")

    def parse_or_exit(self, text: str) -> Any:
        """As `parse`, but leave the program with one line: argparse would print its whole usage before."""
        try:
            return self.parse(text)
        except OptionError as error:
            exit_with(error)


def exit_with(error: Exception) -> Any:
    """Print `error` in one line and leave with code 2, as argparse does."""
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(2)


def number(flag: str, default: float, lowest: float, highest: float, unit: str, help: str) -> Option:
    """An option for a number from `lowest` to `highest`; NaN is not legal."""
    legal = f"a number from {lowest:g} to {highest:g}{unit and ' '}{unit}"
    return Option(flag, default, float, lambda value: lowest <= value <= highest, legal, help)


def integer(flag: str, default: int, lowest: int, highest: int, help: str) -> Option:
    """An option for an integer from `lowest` to `highest`."""
    legal = f"an integer from {lowest} to {highest}"
    return Option(flag, default, int, lambda value: lowest <= value <= highest, legal, help)


COMMON_OPTIONS = (
    Option("--arrivals", "even", str, ARRIVALS.__contains__, " or ".join(ARRIVALS), "how the arrivals are spaced"),
    integer("--seed", 1, 0, 2**32 - 1, "of the arrivals (poisson) and of the requests drawn"),
    number("--integral-share", 0.1, 0, 1, "", "share of requests for an integral, the rest are for objects"),
    integer("--max-in-flight", 1000, 1, 5000, "requests under way at once; an arrival beyond it is dropped"),
    number("--request-timeout", 10.0, 0.01, 600, "seconds", "seconds until a request has failed"),
    Option("--requests-csv", None, str, bool, "the path of a file that can be written", "file for one row per arrival"),
)


@dataclass(frozen=True)
class CommonOptions:
    """The values of COMMON_OPTIONS."""

    arrivals: str
    seed: int
    integral_share: float
    max_in_flight: int
    request_timeout_s: float
    requests_csv: Path | None


def add_options(parser: Any, options: Sequence[Option]) -> None:
    """Add `options` to Locust's parser, each with its environment variable."""
    group = parser.add_argument_group("Open-loop load")
    for option in options:
        action = group.add_argument(
            option.flag, type=option.parse_or_exit, default=option.default, env_var=option.env_var,
            metavar=option.name.upper(), help=f"{option.help}; legal: {option.legal}; default: {option.default}",
        )  # fmt: skip
        action.include_in_web_ui = True  # what Locust's parser sets, but not its groups
        action.is_secret = action.is_required = action.is_multiple = False


def values_of(namespace: Namespace, options: Sequence[Option]) -> dict[str, Any]:
    """The values of `options` by name, judged again: the web interface sets them without.

    Raises OptionError when one is not legal.
    """
    values = {}
    for option in options:
        given = getattr(namespace, option.name)
        is_left_out = option.default is None and given in (None, "")
        values[option.name] = None if is_left_out else option.parse(str(given))
    return values


def common_options(namespace: Namespace) -> CommonOptions:
    """The common options in `namespace`; raises OptionError when one is not legal or its file cannot be written."""
    values = values_of(namespace, COMMON_OPTIONS)
    path = Path(values["requests_csv"]) if values["requests_csv"] else None
    if path:
        try:
            path.open("a").close()
        except OSError as error:
            raise OptionError(f"--requests-csv {str(path)!r} cannot be written: {error.strerror}") from None
    return CommonOptions(
        values["arrivals"], values["seed"], values["integral_share"], values["max_in_flight"],
        values["request_timeout"], path,
    )  # fmt: skip
