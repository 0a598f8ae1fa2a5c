"""Times as dots, a row a way of doing something, medians as bars."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from report import style, words
from report.panels import log_axis

ROW_MM, MARGIN_MM = 7.0, 14.0


def dots_figure(samples: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Every positive sample of each way on a logarithmic axis with this label."""
    height_mm = MARGIN_MM + ROW_MM * len(samples)
    with style.look():
        figure, ((axes,),) = style.page_figure(height_mm)
        for row, values in enumerate(samples.values()):
            draw_row(axes, row, values)
        every = [value for values in samples.values() for value in values]
        axes.set_xscale("log")
        axes.set_xlim(min(every) / 1.4, max(every) * 1.3)
        log_axis(axes.xaxis, min(every), max(every))
        axes.set_yticks(range(len(samples)), list(samples))
        axes.set_ylim(len(samples) - 0.4, -0.75)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(label)
        style.margins(figure, left=33, top=1.5, right=2.5, bottom=10)
    return figure


def draw_row(axes: Axes, row: int, values: Sequence[float]) -> None:
    """The dots lie a little above and below their row, in turn, so that they do not hide each other."""
    median = float(np.median(values))
    axes.plot(values, row + 0.13 * (np.arange(len(values)) % 3 - 1), "o", ms=3, mew=0.5, mec=style.BLUE, mfc="none")
    axes.plot([median] * 2, [row - 0.32, row + 0.32], color=style.VERMILLION, linewidth=1.6)
    axes.text(median, row - 0.36, words.short(median), ha="center", va="bottom", fontsize=style.SMALL_PT)
