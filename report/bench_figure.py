"""The figure of the benchmarks: every time from a decision to the first answer, a row a way."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from report import style
from report.bench import Bench, Series, short

NAME, QUANTITY = "first-answer", "decision → first answer"
ROW_MM, MARGIN_MM = 7.0, 14.0


def shown(bench: Bench) -> list[Series]:
    return [
        series
        for group in bench.groups
        if group.name == NAME
        for series in group.series
        if series.what == QUANTITY and min(series.samples) > 0
    ]


def bench_figure(bench: Bench) -> Figure | None:
    """Every sample as a dot, medians as bars; None where this was not measured."""
    series = shown(bench)
    if not series:
        return None
    height_mm = MARGIN_MM + ROW_MM * len(series)
    with style.look():
        figure = Figure(figsize=(style.TEXT_WIDTH_MM * style.MM, height_mm * style.MM))
        axes = figure.subplots()
        for row, each in enumerate(series):
            draw_row(axes, row, each)
        samples = [sample for each in series for sample in each.samples]
        time_axis(axes, min(samples), max(samples))
        axes.set_yticks(range(len(series)), [each.way for each in series])
        axes.set_ylim(len(series) - 0.4, -0.75)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("time from the decision to the first answer (ms)")
        figure.subplots_adjust(left=0.16, right=0.985, top=1 - 1.5 / height_mm, bottom=10.0 / height_mm)
    return figure


def time_axis(axes: Axes, low_ms: float, high_ms: float) -> None:
    """A logarithmic axis around [low_ms, high_ms], with labels at 1, 2 and 5 of each decade."""
    axes.set_xscale("log")
    axes.set_xlim(low_ms / 1.4, high_ms * 1.3)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    axes.xaxis.set_minor_locator(LogLocator(subs=np.arange(2, 10).tolist(), numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def draw_row(axes: Axes, row: int, series: Series) -> None:
    """The dots lie a little above and below their row, in turn, so that they do not hide each other."""
    heights = row + 0.13 * (np.arange(len(series.samples)) % 3 - 1)
    axes.plot(series.samples, heights, "o", ms=3, mew=0.5, mec=style.BLUE, mfc="none")
    axes.plot([series.median] * 2, [row - 0.32, row + 0.32], color=style.VERMILLION, linewidth=1.6)
    axes.text(series.median, row - 0.36, short(series.median), ha="center", va="bottom", fontsize=style.SMALL_PT)
