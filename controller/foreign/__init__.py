"""Scaling policies in the formats that production uses, as they are: each reader turns one format into options of a
policy of ours, and tells what in the file has no meaning here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.model import METRICS

MetricNames = Mapping[str, str]  # the user's own: a name in the foreign file → one of METRICS


class Names(Mapping[str, str]):
    """The user's names of metrics, which remembers what a reader looks up: these are the names that its file has."""

    def __init__(self, given: MetricNames) -> None:
        self._given = given
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> str:
        self.asked[name] = None
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


class PlaceError(ValueError):
    """What is wrong in a foreign file: the place, as in `spec.metrics[0].type`, and what is legal."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Translation:
    """A foreign file in our words: `policy` is what stands under `policy:` in our own file, as {name: options}."""

    policy: Mapping[str, Any]
    minimum: int | None = None  # of instances, None where the file does not say
    maximum: int | None = None
    mapped: tuple[str, ...] = ()  # how its metrics were read: "cpu (Utilization 50 %): cpu_percent above 50"
    unused: tuple[str, ...] = ()  # "place: why it has no meaning here"
    settings: Mapping[str, Any] = field(default_factory=dict)  # other keys of our file that it asks for, as `service`


def metric_name(place: str, foreign: str, names: MetricNames, known: Mapping[str, str]) -> str:
    """Our name of a foreign metric: the user's word, then the format's table. Raises PlaceError for none."""
    ours = names.get(foreign) or known.get(foreign)
    if ours is None:
        table = f"known are {', '.join(known)}; " if known else ""
        raise PlaceError(place, f"{foreign!r} is no metric of the testbed: {table}"
                                f"name one by --metric {foreign}=NAME, of {', '.join(METRICS)}")  # fmt: skip
    if ours not in METRICS:
        raise PlaceError(place, f"{ours!r} is no metric; known are {', '.join(METRICS)}")
    return ours


def leftovers(document: Any, used: Iterable[str], place: str = "") -> Iterator[str]:
    """The places of all scalars of a document that lie under none of the `used` places, in order.

    A place reads `spec.metrics[0].type`; a used place covers all below it.
    """
    covered = tuple(used)
    if place and any(place == one or place.startswith((f"{one}.", f"{one}[")) for one in covered):
        return
    if isinstance(document, Mapping) and document:
        for key, value in document.items():
            yield from leftovers(value, covered, f"{place}.{key}" if place else str(key))
    elif isinstance(document, list) and document:
        for index, value in enumerate(document):
            yield from leftovers(value, covered, f"{place}[{index}]")
    else:
        yield place
