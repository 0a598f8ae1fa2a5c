"""The panels of a signature figure. Each draws one quantity of one run over time and returns its legend's entries."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from experiments.loading import Run
from report import series, style
from report.series import Floats

Handles = list[Any]
PERCENTILES = ("p50", "p95", "p99")
MOST_NAMED_FAULTS = 6
MARK_PT, SMALL_MARK_PT = 4.2, 3.0


def draw_rates(axes: Axes, run: Run, edges_s: Floats) -> Handles:
    """Requests due and requests served per second."""
    middle_s = (edges_s[:-1] + edges_s[1:]) / 2
    rates_rps = {
        "served": series.rate_per_bin(series.outcome_times(run.requests, "served"), edges_s),
        "offered": series.rate_per_bin(run.requests["due_s"], edges_s),
    }
    for name, rate_rps in rates_rps.items():
        axes.plot(middle_s, rate_rps, **style.LINES[name])
    return line_handles(["offered", "served"])


def draw_fleet(axes: Axes, run: Run, _edges_s: Floats) -> Handles:
    """The staircases of instances needed, wanted, in service and the oracle's; the area between need and service."""
    names = ["in service", "wanted"]
    fills: Handles = []
    if len(run.oracle):
        axes.step(run.oracle["t_s"], run.oracle["instances"], where="post", **style.LINES["oracle"])
        names.append("oracle")
    needed = series.needed_instances(run)
    if needed is not None:
        draw_provision(axes, series.provision(needed, run.ticks))
        axes.step(needed["t_s"], needed["needed"], where="post", **style.LINES["needed"])
        names.append("needed")
        fills = [Patch(label=name, **fill) for name, fill in style.FILLS.items()]
    axes.step(run.ticks["t_s"], run.ticks["in_service"].ffill(), where="post", **style.LINES["in service"])
    axes.step(run.ticks["t_s"], run.ticks["wanted"].ffill(), where="post", **style.LINES["wanted"])
    return line_handles(names) + fills


def draw_provision(axes: Axes, areas: pd.DataFrame) -> None:
    """Fill what lacks and what is too much between the two staircases."""
    times_s, have = areas["t_s"], areas["in_service"]
    pairs = (("under-provisioned", areas["under"], 1), ("over-provisioned", areas["over"], -1))
    for name, gap, sign in pairs:
        where = (gap > 0).to_numpy()
        # Each step holds until the next row; `where` on both ends of an interval would swallow single steps.
        where = where | np.concatenate([[False], where[:-1]])
        axes.fill_between(times_s, have, have + sign * gap, where=where, step="post", zorder=0.5, **style.FILLS[name])


def draw_decisions(axes: Axes, decisions: pd.DataFrame, size_pt: float) -> None:
    """Markers ▲ and ▼ on the line of instances wanted."""
    for t_s, was, wanted in decisions[["t_s", "was", "wanted"]].itertuples(index=False):
        mark, fill = ("^", style.VERMILLION) if wanted > was else ("v", "white")
        axes.plot(t_s, wanted, mark, ms=size_pt, mew=0.5, mec="black", mfc=fill)


def draw_losses(axes: Axes, run: Run, edges_s: Floats) -> Handles:
    """Requests that were not served, per second, stacked by outcome."""
    bottom, handles = np.zeros(len(edges_s) - 1), []
    for name, look in style.OUTCOMES.items():
        rate_rps = series.rate_per_bin(series.outcome_times(run.requests, name), edges_s)
        if rate_rps.any():
            label = "rejected (429)" if name == "rejected" else name
            handles.append(Patch(label=label, **{**look, "linewidth": 0.3}))
            axes.stairs(bottom + rate_rps, edges_s, baseline=bottom, fill=True, **{**look, "linewidth": 0.3})
        bottom = bottom + rate_rps
    return handles


def draw_latency(axes: Axes, run: Run, edges_s: Floats) -> Handles:
    """Latency of served requests from the time they were due, and the bound of the SLO where the run has one."""
    latency = series.latency_per_bin(run.requests, edges_s[::2])
    for name in reversed(PERCENTILES):
        axes.plot(latency["t_s"], latency[name], label=name, **style.LINES[name])
    names = [*PERCENTILES]
    slo = run.summary.get("slo")
    bound_ms = slo.get("latency_ms") if isinstance(slo, dict) else None
    if bound_ms and bound_ms <= 2 * latency["p99"].max():
        axes.axhline(bound_ms, **style.LINES["SLO"])
        names.append("SLO")
    return line_handles(names)


def draw_faults(axes: Axes, run: Run, named: bool) -> None:
    """A line for each fault that was caused in the run, with its name above where `named` and they are few."""
    found = series.faults(run)
    for fault in found:
        axes.axvline(fault.t_s, color=style.VERMILLION, linewidth=0.8, linestyle=(0, (2, 1)), zorder=0.7)
        if named and len(found) <= MOST_NAMED_FAULTS:
            axes.annotate(
                f"× {fault.target}", (fault.t_s, 0.5), (3, 0), xycoords=("data", "axes fraction"),
                textcoords="offset points", va="center", fontsize=style.SMALL_PT,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            )  # fmt: skip


def line_handles(names: list[str]) -> Handles:
    return [Line2D([], [], label=name, **style.LINES[name]) for name in names]


def log_axis(axis: Any, low: float, high: float) -> None:
    """A logarithmic axis for values in [low, high]: labels at 1, 2 and 5 of each decade where they find room."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,), numticks=20))
    axis.set_minor_locator(LogLocator(subs=np.arange(2, 10).tolist(), numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


DRAW: dict[str, Callable[[Axes, Run, Floats], Handles]] = {
    "load": draw_rates,
    "fleet": draw_fleet,
    "losses": draw_losses,
    "latency": draw_latency,
}
