"""Reads results/bench-<time>/ and turns the newest benchmarks into what report.typ typesets."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from experiments.loading import BENCH_PREFIX
from experiments.records import LARGEST_AMOUNT, BrokenRun, Record, checked, read_mapping
from report import words

FILE = "bench.json"
ENOUGH = {95: 5, 99: 100}  # samples for a percentile to mean anything


class _Series(Record):
    way: str
    what: str
    unit: str
    detail: bool = False
    samples: list[Annotated[float, Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT)]]


class _Group(Record):
    name: str
    title: str
    notes: list[str]
    series: list[_Series]


class _Told(Record):
    """What is read of bench.json."""

    benchmarks: list[_Group]


@dataclass(frozen=True)
class Series:
    """The samples of one quantity for one way of doing it."""

    way: str
    what: str
    unit: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.samples))


@dataclass(frozen=True)
class Group:
    """One benchmark: what it measured, and what the reader must know about it."""

    name: str
    title: str
    notes: tuple[str, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Bench:
    """One run of the benchmarks."""

    info: dict[str, Any]
    groups: tuple[Group, ...]


def newest_bench(results: Path) -> tuple[Bench | None, list[str]]:
    """The newest benchmarks that were run to their end, and a note for each newer file that is broken.

    A quick run only shows that the benchmarks work, it has no place in a report.
    """
    notes: list[str] = []
    for file in sorted(results.glob(f"{BENCH_PREFIX}*/{FILE}"), reverse=True):
        try:
            bench = load_bench(file)
        except BrokenRun as problem:
            notes.append(problem.note)
            continue
        if bench.info.get("status") == "complete" and not bench.info.get("quick"):
            return bench, notes
    return None, notes


def load_bench(file: Path) -> Bench:
    """The benchmarks in `file`. Raises BrokenRun."""
    info = read_mapping(file)
    return Bench(info, tuple(map(_shown, checked(_Told, info, file).benchmarks)))


def _shown(group: _Group) -> Group:
    series = [
        Series(each.way, each.what, each.unit, tuple(each.samples))
        for each in group.series if each.samples and not each.detail
    ]  # fmt: skip
    return Group(group.name, group.title, tuple(group.notes), tuple(series))


def bench_data(bench: Bench) -> dict[str, Any]:
    """Everything that report.typ needs for the benchmarks but the figure."""
    load = bench.info.get("load_average")
    facts, versions = (_mapping(bench.info.get(name)) for name in ("machine", "versions"))
    return {
        "id": words.plain(bench.info.get("bench_id", "–")),
        "date": _date(bench.info.get("started")),
        "duration": words.number(bench.info.get("duration_s"), 0, " s"),
        "load": words.number(load[0], 2) if isinstance(load, list) and load else "–",
        "machine": f"{words.plain(facts.get('cpu', '?'))}, {words.plain(facts.get('cores', '?'))} cores",
        "commit": words.plain(versions.get("commit", "–"))[:12],
        "groups": [
            {
                "title": group.title,
                "notes": [words.sentence(note) for note in group.notes],
                "rows": table_rows(group),
            }
            for group in bench.groups
        ],
    }


def table_rows(group: Group) -> list[list[str]]:
    """A row a way: quantity (in its first row only), way, n, median, p95, p99, ratio of the median to the first."""
    rows = []
    order = list(dict.fromkeys(series.what for series in group.series))
    by_quantity = sorted(group.series, key=lambda series: order.index(series.what))
    for what, found in groupby(by_quantity, key=lambda series: series.what):
        ways = list(found)
        for number, series in enumerate(ways):
            rows.append([f"{what} ({series.unit})" if number == 0 else "", *_cells(series, ways[0], len(ways) > 1)])
    return rows


def _cells(series: Series, first: Series, compared: bool) -> list[str]:
    return [
        series.way,
        words.number(len(series.samples)),
        words.short(series.median),
        *(_percentile(series.samples, rank, enough) for rank, enough in ENOUGH.items()),
        f"{series.median / first.median:.2f}" if compared and first.median else "",
    ]


def _percentile(samples: tuple[float, ...], rank: int, enough: int) -> str:
    return words.short(float(np.percentile(samples, rank))) if len(samples) >= enough else "–"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _date(value: Any) -> str:
    try:
        return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M}"
    except ValueError:
        return "–"
