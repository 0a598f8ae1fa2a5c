"""The figure of the benchmarks: every time from a decision to the first answer, a row a way."""

from matplotlib.figure import Figure

from report.bench import Bench
from report.dots_figure import dots_figure

NAME, QUANTITY = "first-answer", "decision → first answer"
LABEL = "time from the decision to the first answer (ms)"


def bench_figure(bench: Bench) -> Figure | None:
    """None where this was not measured."""
    found = [series for group in bench.groups if group.name == NAME for series in group.series]
    shown = {series.way: series.samples for series in found if series.what == QUANTITY and min(series.samples) > 0}
    return dots_figure(shown, LABEL) if shown else None
