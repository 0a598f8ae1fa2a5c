"""One look for every figure: colour-blind-safe colours (Okabe and Ito) that differ in dash or hatch as well."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE = "#6B6B6B", "#D9DEE3"

MM = 1 / 25.4
TEXT_WIDTH_MM = 166.0  # the report's text width, so that figures are set at scale 1 and type keeps its size
SMALL_PT, LABEL_PT = 7.0, 8.0

# matplotlib measures text with its own STIX; the report sets it in the page's typeface, which is nearly as wide.
FIGURE_FONT, PAGE_FONT = "STIXGeneral", "Libertinus Serif"

LINES: dict[str, dict[str, Any]] = {
    "offered": {"color": BLACK, "linewidth": 1.0, "linestyle": "-"},
    "served": {"color": SKY, "linewidth": 2.2, "linestyle": "-"},
    "needed": {"color": BLACK, "linewidth": 0.9, "linestyle": (0, (1, 1))},
    "wanted": {"color": ORANGE, "linewidth": 1.1, "linestyle": (0, (4, 1.5))},
    "oracle": {"color": GREEN, "linewidth": 1.8, "linestyle": (0, (3, 1, 1, 1))},
    "in service": {"color": BLUE, "linewidth": 1.6, "linestyle": "-"},
    "p50": {"color": SKY, "linewidth": 1.5, "linestyle": "-"},
    "p95": {"color": BLUE, "linewidth": 1.0, "linestyle": (0, (4, 1.2))},
    "p99": {"color": BLACK, "linewidth": 0.8, "linestyle": (0, (1, 1))},
    "SLO": {"color": VERMILLION, "linewidth": 0.8, "linestyle": (0, (6, 2, 1, 2))},
}
# Arms of an experiment, in its order; colour and dash both tell them apart.
ARMS: tuple[dict[str, Any], ...] = (
    {"color": BLUE, "linewidth": 1.4, "linestyle": "-"},
    {"color": VERMILLION, "linewidth": 1.2, "linestyle": (0, (4, 1.2))},
    {"color": BLACK, "linewidth": 1.1, "linestyle": (0, (1, 1))},
    {"color": GREEN, "linewidth": 1.6, "linestyle": (0, (5, 1, 1, 1))},
    {"color": ORANGE, "linewidth": 1.6, "linestyle": (0, (8, 2))},
    {"color": PURPLE, "linewidth": 1.4, "linestyle": (0, (2, 1, 1, 1, 1, 1))},
)
OTHERS: dict[str, Any] = {"color": "#C6C6C6", "linewidth": 0.6}  # the many that are not named
FILLS: dict[str, dict[str, Any]] = {
    "under-provisioned": {"facecolor": "#F3BE94", "edgecolor": VERMILLION, "hatch": "//////", "linewidth": 0.0},
    "over-provisioned": {"facecolor": PALE, "edgecolor": "none", "linewidth": 0.0},
}
# Bottom to top: rejections are the answer of a healthy system, failures and drops are not.
OUTCOMES: dict[str, dict[str, Any]] = {
    "rejected": {"facecolor": ORANGE, "edgecolor": "none"},
    "failed": {"facecolor": VERMILLION, "edgecolor": BLACK, "hatch": "//////"},
    "dropped": {"facecolor": "white", "edgecolor": GREY, "hatch": "......"},
}
# Dark to light in grey as well, so that neighbours differ without colour.
STAGES: dict[str, dict[str, Any]] = {
    "waiting": {"facecolor": "white", "edgecolor": GREY, "hatch": "//////"},
    "clone": {"facecolor": BLUE},
    "address": {"facecolor": YELLOW},
    "application": {"facecolor": SKY},
    "balancer": {"facecolor": GREEN},
    "first_answer": {"facecolor": "white", "edgecolor": BLACK, "hatch": "......"},
}

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # no document may have these

SETTINGS: dict[str, Any] = {
    "font.family": FIGURE_FONT,
    "mathtext.fontset": "stix",
    "text.parse_math": False,
    "font.size": LABEL_PT,
    "axes.labelsize": LABEL_PT,
    "axes.titlesize": LABEL_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "legend.fontsize": SMALL_PT,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.4,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "legend.handlelength": 2.0,
    "legend.columnspacing": 1.2,
    "legend.handletextpad": 0.5,
    "legend.borderaxespad": 0.0,
    "legend.borderpad": 0.0,
    "svg.hashsalt": "tidebed",
}


@contextmanager
def look() -> Iterator[None]:
    """Draw in this block with the report's settings, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in SETTINGS.items():
            mpl.rcParams[name] = value  # type: ignore[index]
        yield


def panel_title(axes: Axes, letter: str, text: str) -> None:
    """A panel's letter and quantity, set flush left above the axes; the legend belongs on the same line, right."""
    axes.set_title(f"({letter})  {text}" if letter else text, loc="left", pad=4.0)


def page_figure(height_mm: float, rows: int = 1, columns: int = 1, **layout: Any) -> tuple[Figure, Any]:
    """A figure as wide as the text, and its axes as an array [row, column]; `layout` as in `Figure.subplots`."""
    figure = Figure(figsize=(TEXT_WIDTH_MM * MM, height_mm * MM))
    return figure, figure.subplots(rows, columns, squeeze=False, **layout)


def margins(figure: Figure, left: float, top: float, right: float = 1.0, bottom: float = 9.4, gap: float = 0.0) -> None:
    """Margins and the gap between rows of axes in millimetres, so that type keeps its place whatever the size."""
    width_mm, height_mm = figure.get_figwidth() / MM, figure.get_figheight() / MM
    rows = figure.axes[0].get_subplotspec().get_gridspec().nrows  # type: ignore[union-attr]
    panel_mm = (height_mm - top - bottom - (rows - 1) * gap) / rows
    figure.subplots_adjust(
        left=left / width_mm, right=1 - right / width_mm, top=1 - top / height_mm, bottom=bottom / height_mm,
        hspace=gap / panel_mm,
    )  # fmt: skip


def panel_legend(axes: Axes, handles: list[Any]) -> None:
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0, 0.0, 0.0), ncols=8, borderaxespad=0.35)


def to_svg(figure: Figure, standalone: bool) -> str:
    """The figure as SVG. Standalone: letters as outlines on white. Otherwise real text in the page's typeface."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path" if standalone else "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=not standalone)
    svg = NO_XML.sub("\ufffd", buffer.getvalue())
    return svg if standalone else svg.replace(FIGURE_FONT, PAGE_FONT)
