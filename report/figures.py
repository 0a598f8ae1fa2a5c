"""The signature figure of a run: four panels on one time axis."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from experiments.loading import Run
from report import series, style
from report.series import Floats

HEIGHT_MM = 150.0
PANEL_HEIGHTS = (1.0, 1.75, 0.62, 1.0)
MARGIN_S = 3.0


def time_range_s(run: Run) -> tuple[float, float]:
    """First and last second worth showing: the load with a margin, and what the controller did right after it."""
    due_s, ticks_s, moves_s = run.requests["due_s"], run.ticks["t_s"], run.decisions["t_s"]
    first_s = max(0.0, float(due_s.min()) - MARGIN_S)
    last_s = max([float(due_s.max()), *moves_s.tolist()]) + MARGIN_S
    return first_s, max(min(last_s, float(ticks_s.max())), float(due_s.max()))


def signature_figure(run: Run, listed: set[int], height_mm: float = HEIGHT_MM) -> Figure:
    """Rates, instances, losses and latency over the run; `listed` holds the numbers (from 1) of decisions to label."""
    start_s, end_s = time_range_s(run)
    edges_s = series.bin_edges(start_s, end_s, series.bin_width_s(end_s - start_s))
    with style.look():
        figure = Figure(figsize=(style.TEXT_WIDTH_MM * style.MM, height_mm * style.MM))
        panels = figure.subplots(4, 1, sharex=True, height_ratios=PANEL_HEIGHTS)
        draw_rates(panels[0], run, edges_s)
        draw_instances(panels[1], run, end_s)
        draw_decisions(panels[1], run.decisions, listed, (start_s, end_s))
        draw_losses(panels[2], run, edges_s)
        draw_latency(panels[3], run, start_s, end_s)
        panels[3].set_xlabel(f"{'simulated ' if run.simulated else ''}time since the controller's start (s)")
        panels[3].set_xlim(start_s, end_s)
        panels[3].xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 2, 3, 5, 6, 10]))
        figure.align_ylabels(list(panels))
        gap = 53.0 / height_mm  # of a panel's height; titles keep their size whatever the figure's height
        figure.subplots_adjust(left=0.066, right=0.995, top=1 - 4.9 / height_mm, bottom=9.2 / height_mm, hspace=gap)
    return figure


def draw_rates(axes: Axes, run: Run, edges_s: Floats) -> None:
    """Panel (a): requests due and requests served per second."""
    middle_s = (edges_s[:-1] + edges_s[1:]) / 2
    offered = series.rate_per_bin(run.requests["due_s"], edges_s)
    served = series.rate_per_bin(series.outcome_times(run.requests, "served"), edges_s)
    axes.plot(middle_s, served, **style.LINES["served"])
    axes.plot(middle_s, offered, **style.LINES["offered"])
    axes.set_ylim(0, max(float(offered.max()), float(served.max()), 1.0) * 1.06)
    axes.set_ylabel("requests/s")
    style.panel_title(axes, "a", f"Load, means over {edges_s[1] - edges_s[0]:g} s")
    style.panel_legend(axes, [Line2D([], [], label=name, **style.LINES[name]) for name in ("offered", "served")])


def draw_instances(axes: Axes, run: Run, end_s: float) -> None:
    """Panel (b): the staircases of instances needed, wanted, in service and the oracle's, and the area between need and
    service."""
    ticks, names = run.ticks, ["in service", "wanted"]
    handles: list[Any] = []
    if len(run.oracle):
        axes.step(run.oracle["t_s"], run.oracle["instances"], where="post", **style.LINES["oracle"])
        names.append("oracle")
    if run.rate_limit_rps is not None:
        needed = series.needed_staircase(run.requests["due_s"], run.rate_limit_rps, end_s)
        draw_provision(axes, series.provision(needed, ticks))
        axes.step(needed["t_s"], needed["needed"], where="post", **style.LINES["needed"])
        names.append("needed")
        handles = [Patch(label=name, **fill) for name, fill in style.FILLS.items()]
    axes.step(ticks["t_s"], ticks["in_service"].ffill(), where="post", **style.LINES["in service"])
    axes.step(ticks["t_s"], ticks["wanted"].ffill(), where="post", **style.LINES["wanted"])
    axes.set_ylabel("instances")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    style.panel_title(axes, "b", "Fleet")
    style.panel_legend(axes, [Line2D([], [], label=name, **style.LINES[name]) for name in names] + handles)


def draw_provision(axes: Axes, areas: pd.DataFrame) -> None:
    """Fill what lacks and what is too much between the two staircases."""
    times_s, have = areas["t_s"], areas["in_service"]
    pairs = (("under-provisioned", areas["under"], 1), ("over-provisioned", areas["over"], -1))
    for name, gap, sign in pairs:
        where = (gap > 0).to_numpy()
        # Each step holds until the next row; `where` on both ends of an interval would swallow single steps.
        where = where | np.concatenate([[False], where[:-1]])
        axes.fill_between(times_s, have, have + sign * gap, where=where, step="post", zorder=0.5, **style.FILLS[name])


def draw_decisions(axes: Axes, decisions: pd.DataFrame, listed: set[int], span_s: tuple[float, float]) -> None:
    """Markers ▲ and ▼ on the line of instances wanted, and the listed decisions' numbers in rows above the curves."""
    top = max(float(np.nanmax(np.asarray(line.get_ydata(), dtype=np.float64))) for line in axes.lines)
    rows = label_rows(decisions["t_s"].tolist(), (span_s[1] - span_s[0]) * 0.0165)
    height = top / (0.96 - 0.052 * (max(rows, default=0) + 1))
    axes.set_ylim(0, max(height, 1.0))
    axes.set_xlim(*span_s)
    for number, (t_s, was, wanted) in enumerate(decisions[["t_s", "was", "wanted"]].itertuples(index=False), start=1):
        mark, fill = ("^", style.VERMILLION) if wanted > was else ("v", "white")
        axes.plot(t_s, wanted, mark, ms=4.2, mew=0.5, mec="black", mfc=fill)
        if number not in listed:
            continue
        y = axes.get_ylim()[1] * (0.975 - 0.052 * rows[number - 1])
        axes.plot([t_s, t_s], [wanted, y - height * 0.022], color="#B0B0B0", linewidth=0.35, zorder=0.6)
        axes.text(t_s, y, str(number), ha="center", va="center", fontsize=6.2, color="#303030")


def label_rows(times_s: list[float], apart_s: float) -> list[int]:
    """The row (0 is the top) for each label, so that labels in one row are at least `apart_s` apart; at most six."""
    last_in_row: list[float] = []
    rows: list[int] = []
    for t_s in times_s:
        free = [row for row, last_s in enumerate(last_in_row) if t_s - last_s >= apart_s]
        if not free and len(last_in_row) < 6:
            last_in_row.append(t_s)
            free = [len(last_in_row) - 1]
        row = free[0] if free else int(np.argmin(last_in_row))
        last_in_row[row] = t_s
        rows.append(row)
    return rows


def draw_losses(axes: Axes, run: Run, edges_s: Floats) -> None:
    """Panel (c): requests that were not served, per second, stacked by outcome."""
    bottom, handles = np.zeros(len(edges_s) - 1), []
    for name, look in style.OUTCOMES.items():
        rate_rps = series.rate_per_bin(series.outcome_times(run.requests, name), edges_s)
        if name != "dropped" or rate_rps.any():
            label = "rejected (429)" if name == "rejected" else name
            handles.append(Patch(label=label, linewidth=0.3, **look))
        if rate_rps.any():
            axes.stairs(bottom + rate_rps, edges_s, baseline=bottom, fill=True, linewidth=0.3, **look)
        bottom = bottom + rate_rps
    axes.set_ylim(0, max(float(bottom.max()) * 1.1, 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
    axes.set_ylabel("requests/s")
    style.panel_title(axes, "c", "Not served" if bottom.any() else "Not served: nothing")
    style.panel_legend(axes, handles)


def draw_latency(axes: Axes, run: Run, start_s: float, end_s: float) -> None:
    """Panel (d): latency of served requests from the time they were due, on a logarithmic axis."""
    width_s = 2 * series.bin_width_s(end_s - start_s)
    latency = series.latency_per_bin(run.requests, series.bin_edges(start_s, end_s, width_s))
    for name in ("p99", "p95", "p50"):
        axes.plot(latency["t_s"], latency[name], **style.LINES[name])
    latency_axis(axes, float(latency["p50"].min()), float(latency["p99"].max()))
    axes.set_ylabel("latency (ms)")
    style.panel_title(axes, "d", f"Latency from the due time, percentiles over {width_s:g} s")
    style.panel_legend(axes, [Line2D([], [], label=name, **style.LINES[name]) for name in ("p50", "p95", "p99")])


def latency_axis(axes: Axes, low_ms: float, high_ms: float) -> None:
    """A logarithmic axis around [low_ms, high_ms], with labels at 1, 2 and 5 of each decade where they find room."""
    axes.set_yscale("log")
    decades = 1.0
    if np.isfinite(low_ms) and low_ms > 0:
        bottom, top = low_ms / 1.5, max(high_ms, low_ms) * 1.5
        axes.set_ylim(bottom, top)
        decades = float(np.log10(top / bottom))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2 else (1.0,), numticks=20))
    axes.yaxis.set_minor_locator(LogLocator(subs=np.arange(2, 10).tolist(), numticks=20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
