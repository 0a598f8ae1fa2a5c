"""Policies that decided beside the acting one: what they wanted, and what that would have cost."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from experiments.loading import Run
from report import series, style, words
from report.signature import time_range_s

COLUMNS, ROW_MM = 3, 34.0
LOOKS: dict[str, dict[str, Any]] = {
    "acting": {"color": "#BDBDBD", "linewidth": 3.0},
    "shadow": {"color": style.BLUE, "linewidth": 1.1},
}


def names(run: Run) -> list[str]:
    """The shadows in the order of their first decision."""
    return list(dict.fromkeys(run.shadows["name"].astype(str)))


def shadow_rows(run: Run) -> list[list[str]]:
    """The acting policy, then each shadow: instance-seconds wanted, times the acting one's, most wanted, changes."""
    acting = series.wanted_changes(run, None)
    end_s = float(run.ticks["t_s"].iloc[-1])
    rows, first = [], series.area(acting, end_s)
    for name, steps in [("acting", acting), *((name, series.wanted_changes(run, name)) for name in names(run))]:
        asked_s = series.area(steps, end_s)
        times = f"{asked_s / first:.2f}" if first else "–"
        rows.append([name, words.number(asked_s), times, words.number(int(steps["wanted"].max())),
                     words.number(len(steps) - 1)])  # fmt: skip
    return rows


def shadows_figure(run: Run) -> Figure:
    """What each shadow wanted over time, a small panel each, with the acting policy's number in grey."""
    shown = names(run)
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    with style.look():
        figure, grid = style.page_figure(ROW_MM * rows + 9, rows=rows, columns=columns, sharex=True, sharey=True)
        for axes in grid.flat[len(shown) :]:
            axes.remove()
        for axes, name in zip(grid.flat, shown, strict=False):
            draw_shadow(axes, run, name)
        grid[0][0].set_ylim(bottom=0)
        grid[0][0].set_xlim(*time_range_s(run))
        for axes in grid[:, 0]:
            axes.set_ylabel("wanted")
        handles = [Line2D([], [], label=name, **look) for name, look in LOOKS.items()]
        figure.legend(handles=handles, loc="upper right", ncols=2)
        figure.supxlabel("time since the controller's start (s)", fontsize=style.LABEL_PT, y=0.004)
        style.margins(figure, left=10, top=8.5, right=1, gap=8)
        figure.subplots_adjust(wspace=0.06)
    return figure


def draw_shadow(axes: Axes, run: Run, name: str) -> None:
    end_s = float(run.ticks["t_s"].iloc[-1])
    for who, look in ((None, LOOKS["acting"]), (name, LOOKS["shadow"])):
        steps = series.wanted_changes(run, who)
        axes.step([*steps["t_s"], end_s], [*steps["wanted"], steps["wanted"].iloc[-1]], where="post", **look)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.set_title(name, loc="left", pad=3.0)
