"""What the testbed's choices bought: a row a choice, from the benchmarks and from the experiments about them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.evidence import said_mean
from experiments.metrics.figures import figure_of
from report import words
from report.bench import Bench
from report.study import Study


@dataclass(frozen=True)
class Choice:
    """Two ways of doing something in a group of the benchmarks; of the samples of `what` this percentile counts."""

    title: str
    figure: str
    group: str
    what: str
    ways: tuple[str, str]
    rank: int = 50


FIRST, LATENCY = "decision → first answer", "latency of the served, from the due time"
CHOICES = (
    Choice("Boot", FIRST, "first-answer", FIRST, ("exec, reload", "zygote, reload")),
    Choice("Standby", FIRST, "first-answer", FIRST, ("zygote, reload", "frozen standby, reload")),
    Choice("Change", FIRST, "first-answer", FIRST, ("zygote, reload", "zygote, runtime")),
    Choice("Change", "one server of ten", "change", "change of one server, of so many", ("reload, 10", "runtime, 10")),
    Choice("Overload", "not served at a step", "step", "not served", ("reject + reload", "queue + reload")),
    Choice("Overload", "p99 latency at a step", "step", LATENCY, ("reject + reload", "queue + reload"), 99),
    Choice("Both", "p99 latency at a step", "step", LATENCY, ("queue + reload", "queue + runtime"), 99),
    Choice("Boot", "50 instances in service", "scale", "decision → all in service", ("exec, 50", "zygote, 50")),
    Choice("Boot", "memory of an idle one", "scale", "memory of an idle instance (PSS)", ("exec, 50", "zygote, 50")),
    Choice("Container", "start → healthy", "docker", "start → healthy", ("docker run, bridge", "LXC, zygote")),
)
COMPARED, FIGURE = ("spawn", "reload"), "decision_to_in_service_ms_p50"  # experiments about ways, and what tells most


def choice_rows(bench: Bench | None, studies: Sequence[Study]) -> list[dict[str, str]]:
    """Those that were measured."""
    rows = [benched(choice, bench) for choice in CHOICES] if bench is not None else []
    rows += [row for study in studies if study.name in COMPARED for row in compared(study)]
    return [row for row in rows if row is not None]


def benched(choice: Choice, bench: Bench) -> dict[str, str] | None:
    samples = {
        series.way: (series.samples, series.unit)
        for group in bench.groups if group.name == choice.group
        for series in group.series if series.what == choice.what
    }  # fmt: skip
    if not all(way in samples for way in choice.ways):
        return None
    (first, unit), (second, _) = (samples[way] for way in choice.ways)
    values = [float(np.percentile(each, choice.rank)) for each in (first, second)]
    told = [f"{way}: {words.short(value)} {unit}" for way, value in zip(choice.ways, values, strict=True)]
    return row(choice.title, choice.figure, told, values)


def compared(study: Study) -> list[dict[str, str] | None]:
    """Each arm of an experiment against its first one."""
    means = {arm.name: arm.figures[FIGURE] for arm in study.arms if FIGURE in arm.figures}
    first, *others = list(means) or [""]
    rows: list[dict[str, str] | None] = []
    for other in others:
        pair = [means[first], means[other]]
        told = [f"{name}: {said_mean(FIGURE, mean)}" for name, mean in zip((first, other), pair, strict=True)]
        values = [mean.mean for mean in pair]
        rows.append(row(f"Experiment {study.name}", figure_of(FIGURE).label, told, values))
    return rows


def row(title: str, figure: str, told: Sequence[str], values: Sequence[float]) -> dict[str, str]:
    ratio = words.short(values[1] / values[0]) if values[0] else "–"
    return {"choice": title, "figure": figure, "first": told[0], "second": told[1], "ratio": ratio}
