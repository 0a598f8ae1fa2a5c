"""The signature figure: what happened in a run, or in several side by side, in panels on one time axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.loading import Run
from report import panels, series, style
from report.series import Floats

HEIGHT_MM = 150.0
HEIGHTS = {"load": 1.0, "fleet": 1.75, "losses": 0.62, "latency": 1.0}  # of the panels, relative
MARGIN_S = 3.0
LABEL_ROWS = 6


def time_range_s(run: Run) -> tuple[float, float]:
    """First and last second worth showing: the load with a margin, and what the controller did right after it."""
    due_s, ticks_s, moves_s = run.requests["due_s"], run.ticks["t_s"], run.decisions["t_s"]
    first_s = max(0.0, float(due_s.min()) - MARGIN_S)
    last_s = max([float(due_s.max()), *moves_s.tolist()]) + MARGIN_S
    return first_s, max(min(last_s, float(ticks_s.max())), float(due_s.max()))


def shown_panels(runs: Sequence[Run]) -> list[str]:
    """The panels that have something to show; where all was served there is none of losses."""
    outcomes = {outcome for run in runs for outcome in run.requests["outcome"].unique()}
    missing = {"losses"} if outcomes <= {"served"} else {"latency"} if "served" not in outcomes else set()
    return [name for name in HEIGHTS if name not in missing]


def signature_figure(
    runs: Sequence[Run], names: Sequence[str] = (), listed: frozenset[int] = frozenset(), height_mm: float = HEIGHT_MM
) -> Figure:
    """Rates, instances, losses and latency over time, a column a run with its name above.

    `listed` holds the numbers (from 1) of the decisions to label; that is for a single run.
    """
    rows, spans_s = shown_panels(runs), [time_range_s(run) for run in runs]
    width_s = series.bin_width_s(max(end_s - start_s for start_s, end_s in spans_s))
    with style.look():
        ratios = [HEIGHTS[name] for name in rows]
        figure, grid = style.page_figure(
            height_mm, len(rows), len(runs), sharex="col", sharey="row", height_ratios=ratios
        )
        for name, row in zip(rows, grid, strict=True):
            edges_s = [series.bin_edges(*span_s, width_s) for span_s in spans_s]
            draw_row(name, list(row), runs, edges_s)
            style.panel_title(row[0], "abcd"[rows.index(name)], title(name, width_s))
        fleet = grid[rows.index("fleet")]
        limit_fleet(list(fleet), label_rows(runs[0], spans_s[0]) if listed else [])
        if listed:
            label_decisions(fleet[0], runs[0], spans_s[0], listed)
        finish(figure, grid[-1], runs, spans_s)
        place(figure, grid[0], names)
    return figure


def title(panel: str, width_s: float) -> str:
    return {
        "load": f"Load, means over {width_s:g} s",
        "fleet": "Fleet",
        "losses": "Not served",
        "latency": f"Latency from the due time, percentiles over {2 * width_s:g} s",
    }[panel]


def draw_row(name: str, row: list[Axes], runs: Sequence[Run], edges_s: list[Floats]) -> None:
    """One quantity of all runs, with one legend at the right end of the row."""
    handles: dict[str, Any] = {}
    for axes, run, edges in zip(row, runs, edges_s, strict=True):
        handles |= {handle.get_label(): handle for handle in panels.DRAW[name](axes, run, edges)}
        panels.draw_faults(axes, run, named=name == "load")
        if name == "fleet":
            panels.draw_decisions(axes, run.decisions, panels.MARK_PT if len(row) == 1 else panels.SMALL_MARK_PT)
    style.panel_legend(row[-1], list(handles.values()))
    row[0].set_ylabel({"fleet": "instances", "latency": "latency (ms)"}.get(name, "requests/s"))
    if name == "latency":
        limit_latency(row)
    elif name != "fleet":
        row[0].set_ylim(0, 1.08 * top_of(row))
        row[0].yaxis.set_major_locator(MaxNLocator(nbins=3 if name == "losses" else 5, steps=[1, 2, 5, 10]))


def top_of(row: list[Axes]) -> float:
    """The highest value drawn in a row, at least 1; panels may be empty."""
    tops = [float(axes.dataLim.ymax) for axes in row]
    return max([1.0, *(top for top in tops if np.isfinite(top))])


def limit_latency(row: list[Axes]) -> None:
    """A logarithmic axis that holds every line of the row."""
    curves = [line.get_ydata() for axes in row for line in axes.lines if line.get_label() in panels.PERCENTILES]
    values = np.concatenate([np.asarray(curve, dtype=np.float64) for curve in curves])
    known = values[np.isfinite(values) & (values > 1e-3)]
    low_ms, high_ms = (float(known.min()) / 1.4, float(known.max()) * 1.4) if len(known) else (1.0, 10.0)
    row[0].set_yscale("log")
    row[0].set_ylim(low_ms, high_ms)
    panels.log_axis(row[0].yaxis, low_ms, high_ms)


def limit_fleet(row: list[Axes], rows_of_labels: list[int]) -> None:
    """Room for the curves, and above them for the decisions' numbers."""
    above = 0.052 * (max(rows_of_labels) + 1) + 0.02 if rows_of_labels else 0.0
    row[0].set_ylim(0, top_of(row) / (0.95 - above))
    row[0].yaxis.set_major_locator(MaxNLocator(integer=True))


def label_rows(run: Run, span_s: tuple[float, float]) -> list[int]:
    return spread(run.decisions["t_s"].tolist(), (span_s[1] - span_s[0]) * 0.0165)


def label_decisions(axes: Axes, run: Run, span_s: tuple[float, float], listed: frozenset[int]) -> None:
    """The numbers of the listed decisions in rows above the curves, with a hair line down to their marks."""
    height = axes.get_ylim()[1]
    moves = zip(run.decisions["t_s"], run.decisions["wanted"], label_rows(run, span_s), strict=True)
    for number, (t_s, wanted, row) in enumerate(moves, start=1):
        if number in listed:
            y = height * (0.975 - 0.052 * row)
            axes.plot([t_s, t_s], [wanted, y - height * 0.022], color="#B0B0B0", linewidth=0.35, zorder=0.6)
            axes.text(t_s, y, str(number), ha="center", va="center", fontsize=6.2, color="#303030")


def spread(times_s: list[float], apart_s: float) -> list[int]:
    """The row (0 is the top) for each label, so that labels in one row are at least `apart_s` apart; at most six."""
    last_in_row: list[float] = []
    rows: list[int] = []
    for t_s in times_s:
        free = [row for row, last_s in enumerate(last_in_row) if t_s - last_s >= apart_s]
        if not free and len(last_in_row) < LABEL_ROWS:
            last_in_row.append(t_s)
            free = [len(last_in_row) - 1]
        row = free[0] if free else int(np.argmin(last_in_row))
        last_in_row[row] = t_s
        rows.append(row)
    return rows


def finish(figure: Figure, bottom: Sequence[Axes], runs: Sequence[Run], spans_s: list[tuple[float, float]]) -> None:
    """The time axes, and one label for all of them."""
    for axes, span_s in zip(bottom, spans_s, strict=True):
        axes.set_xlim(*span_s)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=max(3, 12 // len(runs)), steps=[1, 2, 3, 5, 6, 10]))
    simulated = "simulated " if all(run.simulated for run in runs) else ""
    label = f"{simulated}time since the controller's start (s){time_scale(runs)}"
    figure.supxlabel(label, fontsize=style.LABEL_PT, y=0.004)
    figure.align_ylabels()


def time_scale(runs: Sequence[Run]) -> str:
    """How much faster time passes for the policies, where it does."""
    scales = sorted({float(run.info.get("time_scale") or 1) for run in runs} - {1.0})
    return f"; for the policy it passes {' or '.join(f'{scale:g}' for scale in scales)} times faster" if scales else ""


def place(figure: Figure, top: Sequence[Axes], names: Sequence[str]) -> None:
    """Margins, and the runs' names on top."""
    for axes, name in zip(top, names, strict=False):
        axes.annotate(
            name, (0.5, 1.0), (0, 14), xycoords="axes fraction", textcoords="offset points", ha="center",
            fontweight="bold", annotation_clip=False,
        )  # fmt: skip
    style.margins(figure, left=11.6, top=9.3 if names else 4.9, gap=7.2)
    figure.subplots_adjust(wspace=0.06)
