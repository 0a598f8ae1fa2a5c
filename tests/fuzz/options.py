"""Values of command lines and environments: each is refused in words of its own, or safe to use as it is."""

import argparse
import ipaddress
import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from controller import cli
from controller.haproxy_config import Waiting, render
from controller.model import METRICS
from controller.reading import load
from controller.site import Site
from experiments import arguments
from experiments.tuning import command, space
from loadgen import forms, options, specs
from loadgen.load import OpenLoad
from tests.fuzz.target import ROOT, Target, accepted, parts_of, require
from webapp.settings import Settings, SettingsError

LONGEST = 40  # of a value: its message repeats it
VARIABLES = ("OBJECTS_DIR", "RATE_LIMIT_RPS", "OVERLOAD", "MAX_OBJECT_BYTES", "HOST", "PORT")


def check(data: bytes) -> None:
    """The value of one option, the first byte says of which."""
    kind, rest = parts_of(data, len(KINDS))
    text = rest[:LONGEST].decode(errors="surrogateescape")  # as Python gets its arguments
    if "\0" not in text:
        KINDS[kind](text)


def _option(convert: Callable[[str], Any], holds: Callable[[Any], object]) -> Callable[[str], None]:
    """An option whose values have to be so."""

    def checked(text: str) -> None:
        value = accepted(lambda: convert(text), argparse.ArgumentTypeError)
        require(value is None or holds(value), f"{text!r} is taken as {value!r}")

    return checked


def _is_address(value: str) -> bool:
    host, _, port = value.rpartition(":")
    text = render(Site(entry=value), [], Waiting(0, for_first=False))
    return str(ipaddress.IPv4Address(host)) == host and str(int(port)) == port and f"bind {value}" in text


def _is_directory(value: Path) -> bool:
    return bool(str(value).encode()) and str(value).isprintable() and value.is_absolute()


def _is_private(value: ipaddress.IPv4Network) -> bool:
    return value.is_private and Site(subnet=value).slots >= 5


def _check_settings(text: str) -> None:
    name, _, value = text.partition("=")
    environ = dict.fromkeys(VARIABLES if name == "*" else [name], value)
    found = accepted(lambda: Settings.from_environ(environ), SettingsError)
    if found is not None:
        require(0 <= found.rate_limit_rps <= 1e6 and 0 <= found.port <= 65535, str(found))
        require(found.objects_dir.is_absolute() and found.overload in ("reject", "queue"), str(found))


@cache
def _settings() -> Any:
    return load(ROOT / "rules.yaml")


def _check_free(text: str) -> None:
    key, _, span = text.partition("=")
    accepted(lambda: space.space_of(_settings(), {key: span}), space.SpaceError)


def _check_form(text: str) -> None:
    """Locust's options: `name=value`, each is text until the whole load is judged."""
    form = FORMS[len(text) % len(FORMS)]
    given = dict.fromkeys(option.dest for option in form.options)
    given |= {name: value for name, _, value in (part.partition("=") for part in text.split("\n")) if name in given}
    namespace = argparse.Namespace(**given)
    load = accepted(lambda: form.load(namespace), options.OptionError)
    accepted(lambda: form.sending(namespace), options.OptionError)
    if isinstance(load, OpenLoad):
        require(0 < load.highest_rps <= specs.MOST_RPS * (1 + 1e-6) and load.duration_s <= specs.MOST_S, str(load))


FORMS = [*(forms.shape_form(each) for each in (specs.Ramp, specs.Step, specs.Spike, specs.Noise)), forms.closed_form()]
KINDS: Sequence[Callable[[str], None]] = (
    _option(cli._address, _is_address),
    _option(cli._subnet, _is_private),
    _option(cli._factor, lambda value: 0.01 <= value <= 1000),
    _option(cli._pair, lambda value: value[0] and value[1] in METRICS),
    _option(cli._directory, _is_directory),
    _option(arguments.positive, lambda value: 1 <= value <= 100),
    _option(arguments.factor, lambda value: 1 <= value < math.inf),
    _option(arguments.seed, lambda value: 0 <= value < 2**32),
    _option(command._count, lambda value: 1 <= value <= 100_000),
    _check_settings,
    _check_free,
    _check_form,
)
EXAMPLES = (
    ("127.0.0.1:8080", "0.0.0.0:1"), ("10.87.65.0/24", "192.168.7.0/29"), ("10", "0.5"), ("http_requests=offered_rps",),
    ("/srv/objects",), ("5",), ("2.5",), ("4294967295",), ("300",),
    ("RATE_LIMIT_RPS=10", "OVERLOAD=queue", "PORT=8000", "OBJECTS_DIR=/objects", "MAX_OBJECT_BYTES=64", "*=1"),
    ("standby=0..3", "rate_window_s=0.2..2", "above", "tick_s", "apply", "policy.rules[0].when.above=1..9"),
    ("low=5\npeak=100\nduration=180\nseed=2", "users=5\nthink=1\nnum_users=3", "mean=3\nspread=1\ninterval=2",
     "before=1\nhigh=7\nlow=1\nduration=9\narrivals=poisson", "max_in_flight=10\nrequest_timeout=3"),
)  # fmt: skip


def _seeds() -> list[bytes]:
    return [bytes([kind]) + each.encode() for kind, examples in enumerate(EXAMPLES) for each in examples]


TARGETS = (Target("options", check, _seeds),)
