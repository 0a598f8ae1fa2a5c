"""What is promised under faults and over time, with its bounds, and how much of it was kept."""

from collections.abc import Mapping, Sequence

from experiments.chaos import verdict as faults
from experiments.records import Record
from experiments.soak import verdict as soak
from report import words


class Point(Record):
    """A promise, whether it was kept, and what was found, in words."""

    name: str
    held: bool
    said: str


UNDER_FAULTS = (
    f"Whatever breaks, at most {100 * faults.MOST_NOT_SERVED:g} % of the requests are not served, no acknowledged "
    f"write to an object is lost or torn, and the fleet is right within {faults.MOST_RIGHT_S:g} s of each fault’s end: "
    "as many instances in service as are wanted, HAProxy has exactly these, and each answers; this time includes that "
    "it has to be seen from outside. The controller ends only where it is killed. It is part of the verdict, too, that "
    "each kind of fault hits something, and that the load generator keeps its schedule. "
)
OVER_TIME = (
    "What is counted, as processes, mounts, addresses and descriptors, is there as often as before; a process has at "
    f"most {soak.MOST_THREADS} threads, and HAProxy’s worker at most {soak.MOST_FDS} descriptors. Memory is flat, "
    f"which means that no process grows by more than {100 * soak.MOST_GROWTH:g} % or {soak.SLACK_KIB / 1024:g} MiB, "
    "whichever is more: in a soak by the slope of a straight line over its whole length, fitted without the first "
    f"{100 * soak.WARM_UP_SHARE:.0f} %, in a leak test from the rest before to the rest after. A slower leak is not "
    "seen. "
)
AT_THE_END = "A clean stop leaves nothing behind."


def promised(titles: Sequence[str]) -> str:
    """What is promised in trials of these titles."""
    under_faults = UNDER_FAULTS if {"Chaos", "Soak"} & set(titles) else ""
    over_time = OVER_TIME if {"Soak", "Leaks"} & set(titles) else ""
    return f"{under_faults}{over_time}{AT_THE_END}"


def kept(points: Mapping[str, Sequence[Point]]) -> str:
    """How many of the promises of these trials were kept, and which were not; the points of each by its title."""
    every = [point for each in points.values() for point in each]
    broken = {title: [point.name for point in each if not point.held] for title, each in points.items()}
    named = [f"{words.listed(names)} ({title.lower()})" for title, names in broken.items() if names]
    count = sum(point.held for point in every)
    told = f"{words.number(count)} of {words.plural(len(every), 'promise')} kept, over all trials shown."
    return f"{told} Not kept: {'; '.join(named)}." if named else told
