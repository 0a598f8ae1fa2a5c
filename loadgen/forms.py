"""How options make a load: those of a shape, of closed-loop users, or the file of a whole load."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from loadgen.load import ClosedLoad, Load, LoadError, OpenLoad, read_load
from loadgen.options import Option, OptionError, option_error, options_of, values_of
from loadgen.sending import Sending
from loadgen.specs import Spec, Strict


@dataclass(frozen=True)
class Form:
    """The options of a Locust file; `make` makes the load of what is given for them."""

    load_options: tuple[Option, ...]
    make: Callable[[Mapping[str, Any]], Load]
    sending_options: tuple[Option, ...] = options_of(Sending)

    @property
    def options(self) -> tuple[Option, ...]:
        """All of them."""
        return (*self.load_options, *self.sending_options)

    def set_defaults(self, namespace: Namespace) -> None:
        """For options that are Locust's own: it sets other defaults later on."""
        for option in self.options:
            if option.is_locusts and getattr(namespace, option.dest) is None and option.default:
                setattr(namespace, option.dest, int(option.default))

    def load(self, namespace: Namespace) -> Load:
        """The load that is given. Raises OptionError."""
        try:
            return self.make(values_of(namespace, self.load_options))
        except ValidationError as error:
            raise option_error(error, self.load_options) from error
        except LoadError as error:
            raise OptionError(str(error)) from error

    def sending(self, namespace: Namespace) -> Sending:
        """The bounds that are given. Raises OptionError."""
        try:
            return Sending.model_validate(values_of(namespace, self.sending_options))
        except ValidationError as error:
            raise option_error(error, self.sending_options) from error


def shape_form(spec: type[Spec]) -> Form:
    """For a load of one shape."""
    own = options_of(OpenLoad, leave_out=["spec"])
    shape = spec.model_fields["shape"].default
    options = (*options_of(spec, leave_out=["shape", *(option.field for option in own)]), *own)
    return Form(options, lambda values: OpenLoad.model_validate({"shape": shape, **values}))


def closed_form() -> Form:
    """For users that wait; how many they are is Locust's own option `--users`."""
    options = options_of(ClosedLoad, leave_out=["mode"])
    users = (replace(option, dest="num_users") if option.field == "users" else option for option in options)
    return Form(tuple(users), ClosedLoad.model_validate, options_of(Sending, leave_out=["max_in_flight"]))


class Given(Strict):
    """The option of `given.py`."""

    load: Path = Field(description="YAML or JSON file of a load")


def given_form() -> Form:
    """For a load that is described in a file."""
    return Form(options_of(Given), lambda values: read_load(Given.model_validate(values).load))
