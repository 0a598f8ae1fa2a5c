"""The heat map of rises: what they cost by slope and boot time, simulated, with real runs as circles."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, SymLogNorm
from matplotlib.figure import Figure

from report import style, words
from report.rises import RealRise, Rises

SHADES = LinearSegmentedColormap.from_list("shades", ["white", style.SKY, style.BLUE, "#002A44"])  # darker in grey too
DARK = 0.45  # of the shades, from which on numbers are white
HEIGHT_MM = 68.0
BESIDE = 0.33  # of a cell: how far circles at the same slope are set aside


def rises_figure(rises: Rises) -> Figure:
    """Left for how long instances were missing, right the requests that were not served."""
    with style.look():
        figure, ((left, right),) = style.page_figure(HEIGHT_MM, columns=2, sharey=True)
        draw_map(left, rises.table("too_few_s"), [(each, each.too_few_s) for each in rises.real], least=0.05)
        draw_map(right, rises.table("not_served"), [(each, each.not_served) for each in rises.real], least=1.0)
        style.panel_title(left, "a", "Time with too few instances (s)")
        style.panel_title(right, "b", "Requests not served")
        left.set_ylabel("boot time of an instance (s)")
        style.margins(figure, left=10.5, top=4.9)
        figure.subplots_adjust(wspace=0.05)
    return figure


def draw_map(axes: Axes, table: pd.DataFrame, real: Sequence[tuple[RealRise, float]], least: float) -> None:
    """Values from `least` on are told apart by their shade, and all by their number."""
    values = table.to_numpy(dtype=np.float64)
    norm = SymLogNorm(linthresh=least, linscale=0.3, vmin=0.0, vmax=max(2 * least, float(values.max())))
    axes.pcolormesh(values, cmap=SHADES, norm=norm, edgecolors=style.PALE, linewidth=0.6)
    for (row, column), value in np.ndenumerate(values):
        axes.text(column + 0.5, row + 0.66, number(value), ha="center", va="center", fontsize=style.SMALL_PT,
                  color="white" if norm(value) > DARK else "black")  # fmt: skip
    for x, y, value in places(table, real):
        axes.plot(x, y, "o", ms=5, mew=0.8, mec=style.VERMILLION, mfc=SHADES(norm(value)), clip_on=False, zorder=3)
    slopes = ["step" if math.isinf(slope) else f"{slope:g}" for slope in map(float, table.columns)]
    axes.set_xticks(np.arange(len(slopes)) + 0.5, slopes)
    axes.set_yticks(np.arange(len(table)) + 0.5, [f"{boot_s:g}" for boot_s in table.index])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_xlabel("slope of the rise (requests/s a second)")
    for spine in axes.spines.values():
        spine.set_visible(False)


def number(value: float) -> str:
    """Two significant digits."""
    return "0" if value == 0 else words.number(value, max(0, 1 - math.floor(math.log10(value))))


def places(table: pd.DataFrame, real: Sequence[tuple[RealRise, float]]) -> Iterator[tuple[float, float, float]]:
    """Where each real run lies between the middles of cells, in turn left and right of their numbers, and its value."""
    slopes = [float(slope) for slope in table.columns]
    finite = np.log([slope for slope in slopes if math.isfinite(slope)])
    boots = np.log(table.index.to_numpy(dtype=np.float64))
    count: dict[float, int] = {}
    for each, value in sorted(real, key=lambda pair: pair[0].boot_s):
        nth = count[each.slope_rps2] = count.get(each.slope_rps2, 0) + 1
        aside = BESIDE * (-1) ** nth
        at = len(finite) if math.isinf(each.slope_rps2) else between(math.log(each.slope_rps2), finite)
        yield at + 0.5 + aside, between(math.log(each.boot_s), boots) + 0.5, value


def between(value: float, middles: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    """The place of a value among the middles of cells, up to half a cell outside of them."""
    steps = np.arange(len(middles), dtype=np.float64)
    low, high = 1.5 * middles[0] - 0.5 * middles[1], 1.5 * middles[-1] - 0.5 * middles[-2]
    return float(np.interp(value, [low, *middles, high], [-0.5, *steps, steps[-1] + 0.5]))
