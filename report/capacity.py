"""The measured capacity of so many instances: results/capacity-<time>/capacity.json as figure, fit and words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.loading import Run
from experiments.metrics.capacity import FILE, PREFIX, RATE_LIMIT, Level, Levels
from experiments.records import Amount, BrokenRun, Record, checked, read_mapping
from report import environment, single, style, words
from report.study import Study

MOST_INSTANCES = 20  # for which the demand is shown


class _Trial(Record):
    rps: Amount
    holds: bool


class _Level(Level):
    trials: list[_Trial]


class _Told(Record):
    """What is read of capacity.json."""

    levels: Levels[_Level]


@dataclass(frozen=True)
class Trial:
    """One constant load on so many instances, and whether the SLO held."""

    instances: int
    rps: float
    holds: bool


@dataclass(frozen=True)
class Capacity:
    """What `instances[i]` instances together carry within the SLO: `capacity_rps[i]` requests per second."""

    name: str
    info: dict[str, Any]
    instances: tuple[int, ...]
    capacity_rps: tuple[float, ...]
    trials: tuple[Trial, ...]

    @property
    def service(self) -> dict[str, Any]:
        found = self.info.get("service")
        return found if isinstance(found, dict) else {}

    def fit(self) -> tuple[float, float]:
        """Slope (requests/s an instance) and intercept (requests/s) of the least-squares line; through the origin where
        only one size was measured."""
        if len(self.instances) == 1:
            return self.capacity_rps[0] / self.instances[0], 0.0
        slope, intercept = np.polyfit(self.instances, self.capacity_rps, 1)
        return float(slope), float(intercept)

    def lowest_failed_rps(self, count: int) -> float | None:
        """The lowest rate that so many instances were tried with and did not hold; None where they held all."""
        return min((trial.rps for trial in self.trials if trial.instances == count and not trial.holds), default=None)


def load_capacities(results: Path) -> tuple[list[Capacity], list[str]]:
    """The newest measurement for each service setting and mix of requests, newest first, and a note for each file that
    is broken."""
    found: dict[str, Capacity] = {}
    notes: list[str] = []
    for file in sorted(results.glob(f"{PREFIX}*/{FILE}"), reverse=True):
        try:
            capacity = load_capacity(file)
        except BrokenRun as problem:
            notes.append(problem.note)
            continue
        found.setdefault(words.plain([capacity.service, capacity.info.get("mix")]), capacity)
    return list(found.values()), notes


def load_capacity(file: Path) -> Capacity:
    """The measurement in `file`. Raises BrokenRun."""
    info = read_mapping(file)
    levels = checked(_Told, info, file).levels
    trials = [Trial(level.instances, each.rps, each.holds) for level in levels for each in level.trials]
    counts, capacity_rps = zip(*((level.instances, level.capacity_rps) for level in levels), strict=True)
    return Capacity(file.parent.name, info, counts, capacity_rps, tuple(trials))


def capacity_data(capacity: Capacity) -> dict[str, Any]:
    """What the page tells about a measurement."""
    slope, intercept = capacity.fit()
    slo = capacity.info.get("slo")
    return {
        "name": capacity.name,
        "service": words.service_words({"service": capacity.service}),
        "slo": slo_words(slo) if isinstance(slo, dict) else "–",
        "trials": words.plural(len(capacity.trials), "trial"),
        "brackets": bracket_words(capacity),
        "fit": f"{slope:.2f} requests/s an instance{offset_words(intercept)}",
    }


def bracket_words(capacity: Capacity) -> str:
    """For each size the highest rate that held and the lowest that did not: between them the capacity lies."""
    parts = []
    for count, held_rps in zip(capacity.instances, capacity.capacity_rps, strict=True):
        failed_rps, held = capacity.lowest_failed_rps(count), words.short(held_rps)
        between = f"at {held} or above" if failed_rps is None else f"between {held} and {words.short(failed_rps)}"
        parts.append(f"of {words.plural(count, 'instance')} {between}")
    return words.listed(parts)


def by_rate_limit(studies: Iterable[Study], singles: Iterable[Run]) -> str:
    """Where a rate limit stands for a capacity that was not measured, in a sentence; empty where it never does."""
    found = []
    for study in studies:
        infos = [environment.section(info, "experiment") for info in study.infos() if is_by_rate_limit(info)]
        arms = list(dict.fromkeys(str(each.get("arm", "")) for each in infos))
        which = f"{words.listed(arms)} in " if len(arms) < len(study.arms) else ""
        found += [f"{which}“{study.experiment.title}”"] if arms else []
    found += [f"run {single.name_of(run)}" for run in singles if is_by_rate_limit(run.info)]
    told = f"For {words.listed(found)} no capacity was measured: there the rate limit of an instance stands for it."
    return told if found else ""


def is_by_rate_limit(info: environment.Info) -> bool:
    return bool(environment.section(info, "capacity").get("source") == RATE_LIMIT)


def offset_words(intercept_rps: float) -> str:
    """What the line has at zero instances, to be added in a sentence; empty where that is next to nothing."""
    if abs(intercept_rps) < 0.005:
        return ""
    return f" {'+' if intercept_rps > 0 else '−'} {abs(intercept_rps):.2f} requests/s"


def short_name(service: dict[str, Any]) -> str:
    """What tells this service from others, in two or three words."""
    if not service.get("rate_limit"):
        return f"{words.plain(service.get('cpu_cores', '?'))} of a core"
    return f"{words.plain(service.get('overload', '?'))} beyond {words.plain(service['rate_limit'])}/s"


def slo_words(slo: dict[str, Any]) -> str:
    """The service-level objective of a run or a measurement, e.g. `99 % of requests are served within 100 ms`."""
    share, bound_ms = slo.get("share"), slo.get("latency_ms")
    if not isinstance(share, int | float) or not isinstance(bound_ms, int | float):
        return words.plain(slo)
    return f"{100 * share:g} % of the requests are served within {bound_ms:g} ms"


def capacity_figure(capacities: Sequence[Capacity]) -> Figure:
    """(a) Each trial and the capacities with their line; (b) the demand that follows: instances over the load."""
    with style.look():
        figure, ((left, right),) = style.page_figure(62.0, columns=2)
        for look, capacity in zip(style.ARMS, capacities, strict=False):
            name = short_name(capacity.service)
            draw_capacity(left, capacity, look, name)
            draw_demand(right, capacity, look)
        for axes in (left, right):
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
        left.set_xlabel("instances")
        left.set_ylabel("requests/s")
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        right.set_xlabel("offered load (requests/s)")
        right.set_ylabel("instances")
        style.panel_title(left, "a", "Capacity: the highest load that held")
        style.panel_title(right, "b", "Demand: the fewest instances that hold")
        left.legend(loc="upper left", borderaxespad=0.6)
        style.margins(figure, left=11.6, top=4.9, right=2)
        figure.subplots_adjust(wspace=0.2)
    return figure


def draw_capacity(axes: Axes, capacity: Capacity, look: dict[str, Any], name: str) -> None:
    for holds, mark, fill in ((True, "o", "none"), (False, "x", "none")):
        tried = [(trial.instances, trial.rps) for trial in capacity.trials if trial.holds is holds]
        if tried:
            axes.plot(*zip(*tried, strict=True), mark, ms=3, mew=0.6, mec=look["color"], mfc=fill, alpha=0.6)
    axes.plot(capacity.instances, capacity.capacity_rps, "D", ms=4, mec="black", mew=0.4, mfc=look["color"])
    slope, intercept = capacity.fit()
    ends = np.array([0.0 if intercept >= 0 else -intercept / slope, capacity.instances[-1] * 1.03])
    axes.plot(
        ends,
        slope * ends + intercept,
        label=f"{name}: {slope:.2f} r{offset_words(intercept).removesuffix(' requests/s')}",
        **look,
    )


def draw_demand(axes: Axes, capacity: Capacity, look: dict[str, Any]) -> None:
    """Between two measured sizes capacity follows the line that joins them, beyond the last one (thin) it grows by what
    one of that size's instances carries on average."""
    last, last_rps = capacity.instances[-1], capacity.capacity_rps[-1]
    known = np.arange(1, last + 1)
    edges_rps = [0.0, *np.interp(known, [0, *capacity.instances], [0.0, *capacity.capacity_rps])]
    axes.stairs(known, edges_rps, baseline=None, **look)
    more = np.arange(last + 1, max(last, MOST_INSTANCES) + 1)
    if len(more):
        axes.stairs(more, [last_rps, *(more * last_rps / last)], baseline=None, **{**look, "linewidth": 0.6})
