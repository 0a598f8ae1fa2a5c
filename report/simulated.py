"""Recorded runs against their simulation, as experiments/simulator/compare.py left it in a run's folder."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from pydantic import Field, model_validator

from experiments.loading import IncompleteRun, Run, load_run
from experiments.records import LARGEST_AMOUNT, Amount, BrokenRun, Count, Record, checked, read_mapping
from experiments.simulator.compare import FILE
from report import single, style, words
from report.signature import time_range_s
from report.study import Study

MOST, COLUMNS, ROW_MM = 12, 3, 31.0
RUN_ID = re.compile(r"\b\d{8}-\d{6}-[\w-]+")
IN_SAMPLE = "*"  # marks a run that the model was made from
SUMS = ("all", "runs", "machine")  # keys of the provenance that are of no single figure
LOOKS = {"real": style.LINES["in service"], "simulated": {**style.LINES["wanted"], "color": style.VERMILLION}}


class Row(Record):
    """One figure of both, and whether they differ little enough, where that is asked."""

    name: str
    real: float | None = Field(default=None, ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT)
    simulated: float | None = Field(default=None, ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT)
    within: bool | None = None


class _Step(Record):
    """From when on how many instances were in service."""

    t_s: Amount
    count: Count

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, told: Any) -> Any:
        return dict(zip(("t_s", "count"), told, strict=True)) if isinstance(told, list) and len(told) == 2 else told


class _Told(Record):
    """What is read of simulated.json."""

    rows: list[Row]
    in_service: list[_Step] = Field(min_length=1)
    parameters: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Twin:
    """A real run and what the simulator made of it: rows by their name, and the instances in service over time."""

    name: str
    run: Run
    rows: dict[str, Row]
    in_service: tuple[tuple[float, int], ...]
    provenance: Mapping[str, str]  # of the model's figures

    @property
    def source(self) -> str:
        """Where the model's figures come from, in a few words."""
        return single.model_source(dict(self.provenance))

    @property
    def own_sources(self) -> list[str]:
        """Of the figures that are from a run of their own, each with its run."""
        told = (value for key, value in self.provenance.items() if key not in SUMS and RUN_ID.search(value))
        return list(dict.fromkeys(told))

    @property
    def in_sample(self) -> bool:
        """Were figures of the model taken from this very run?"""
        return any(self.run.run_id in RUN_ID.findall(told) for told in self.provenance.values())

    @property
    def untold_boot(self) -> str:
        """The run's way of booting where the model does not tell whence it knows that; else empty."""
        way = str(self.run.policy.get("boot", ""))
        known = "all" in self.provenance or any(key.startswith(f"instances.{way}.") for key in self.provenance)
        return "" if known or not self.provenance else way


def twins_of(studies: Iterable[Study], singles: Iterable[Run], results: Path) -> tuple[list[Twin], list[str]]:
    """Of each arm the first repeat that was compared with its simulation, and the single runs that were; a note for
    each file that is broken."""
    found: list[Twin] = []
    notes: list[str] = []
    for name, folders, run in compared(studies, singles, results):
        for folder in folders:
            try:
                found.append(load_twin(name, run or load_run(folder), folder))
            except (BrokenRun, IncompleteRun) as problem:
                notes.append(problem.note)
            else:
                break
    return found, notes


def compared(
    studies: Iterable[Study], singles: Iterable[Run], results: Path
) -> Iterator[tuple[str, list[Path], Run | None]]:
    """What was compared, with the folders of its runs, and where it is a run that was read already, this one."""
    for study in studies:
        for arm in study.arms:
            folders = [results / repeat.run_id for repeat in arm.repeats]
            name = f"{study.name}{', ' + arm.name if arm.name else ''}"
            yield name, [folder for folder in folders if (folder / FILE).exists()], None
    for run in singles:
        if (results / run.run_id / FILE).exists():
            yield single.name_of(run), [results / run.run_id], run


def load_twin(name: str, run: Run, folder: Path) -> Twin:
    """The run with what its comparison wrote. Raises BrokenRun."""
    told = checked(_Told, read_mapping(folder / FILE), folder / FILE)
    rows = {row.name: row for row in told.rows}
    return Twin(name, run, rows, tuple((step.t_s, step.count) for step in told.in_service), told.parameters)


def twin_rows(twins: Sequence[Twin]) -> list[list[str]]:
    """A row a run: name; instance-seconds of both, difference; not served and p95 of both; the curves' distance."""
    return [twin_row(twin) for twin in twins]


def is_within(twin: Twin) -> bool:
    """Are all differences within the comparison's bounds?"""
    return all(row.within is not False for row in twin.rows.values())


def cost_difference(twin: Twin) -> float | None:
    """Simulated over recorded instance-seconds, less 1."""
    real_s, simulated_s = both(twin, "instance seconds")
    return simulated_s / real_s - 1 if real_s and simulated_s is not None else None


def worst_cost(twins: Sequence[Twin]) -> str | None:
    """The largest difference of the instance-seconds, in words; None where no run was compared."""
    found = [abs(off) for twin in twins if (off := cost_difference(twin)) is not None]
    return f"{100 * max(found):.1f} %" if found else None


def summary(twins: Sequence[Twin]) -> str:
    """How far the recorded runs and their simulations agree, and where the model's figures come from."""
    within, inside = sum(map(is_within, twins)), sum(twin.in_sample for twin in twins)
    some = f" ({words.number(inside)} in-sample)" if inside else ""
    counted = f"Of {words.plural(len(twins), 'run')}{some} {words.number(within)} {'lies' if within == 1 else 'lie'}"
    differ = f"instance-seconds differ by at most {worst_cost(twins)}"
    return " ".join([f"{counted} within the table’s bounds; {differ}.", *source_words(twins)])


def source_words(twins: Sequence[Twin]) -> list[str]:
    """Where the model's figures come from, a sentence each for most, for those of runs of their own, and for the ways
    of booting that it tells nothing of."""
    most = list(dict.fromkeys(twin.source for twin in twins if twin.source))
    own = list(dict.fromkeys(told for twin in twins for told in twin.own_sources))
    untold = sorted({twin.untold_boot for twin in twins if twin.untold_boot})
    lines = [
        (most, f"The model’s figures come from {words.listed(most)}."),
        (own, f"Some have a source of their own: {'; '.join(own)}."),
        (untold, f"For boots by {words.listed(untold)} it names no source."),
    ]
    return [line for found, line in lines if found]


def in_sample_words(twins: Sequence[Twin]) -> str:
    """What the mark of a run that the model was made from means; empty where there is none."""
    if not any(twin.in_sample for twin in twins):
        return ""
    return f"{IN_SAMPLE} marks a run that figures of the model were taken from: its comparison is in-sample."


def twin_row(twin: Twin) -> list[str]:
    real_s, simulated_s = both(twin, "instance seconds")
    lost, p95 = both(twin, "not served share"), both(twin, "latency ms p95")
    _, apart = both(twin, "mean difference of the instances in service")
    off = cost_difference(twin)
    return [
        f"{twin.name}{f' {IN_SAMPLE}' if twin.in_sample else ''}", words.number(real_s), words.number(simulated_s),
        "–" if off is None else f"{100 * off:+.1f} %".replace("-", "−"),
        *(words.share(value, 1.0) for value in lost), *(words.number(value, 1) for value in p95),
        words.number(apart, 2),
        "yes" if is_within(twin) else "no",
    ]  # fmt: skip


def both(twin: Twin, name: str) -> tuple[float | None, float | None]:
    row = twin.rows.get(name, Row(name=name))
    return row.real, row.simulated


def twins_figure(twins: Sequence[Twin]) -> Figure:
    """The instances in service, recorded and simulated, a small panel for the first arm of each experiment."""
    first = {twin.name.partition(", ")[0]: twin for twin in reversed(twins)}
    shown = [twin for twin in twins if twin in first.values()][:MOST]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    with style.look():
        figure, grid = style.page_figure(ROW_MM * rows + 8, rows=rows, columns=columns)
        for axes in grid.flat[len(shown) :]:
            axes.remove()
        for axes, twin in zip(grid.flat, shown, strict=False):
            draw_twin(axes, twin)
        for axes in grid[:, 0]:
            axes.set_ylabel("instances")
        for axes in grid[-1]:
            axes.set_xlabel("time since the controller's start (s)")
        figure.legend(
            handles=[Line2D([], [], label=name, **look) for name, look in LOOKS.items()], loc="upper right", ncols=2
        )
        style.margins(figure, left=10, top=8.5, right=1, gap=11)
        figure.subplots_adjust(wspace=0.14)
    return figure


def draw_twin(axes: Axes, twin: Twin) -> None:
    axes.step(twin.run.ticks["t_s"], twin.run.ticks["in_service"].ffill(), where="post", **LOOKS["real"])
    times_s, counts = zip(*twin.in_service, strict=True)
    axes.step([*times_s, twin.run.ticks["t_s"].iloc[-1]], [*counts, counts[-1]], where="post", **LOOKS["simulated"])
    axes.set_xlim(*time_range_s(twin.run))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.set_title(twin.name, loc="left", pad=3.0)
