"""The further figures that some experiments have, by the experiment's name: its arms compared on common axes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from experiments.loading import Run
from report import panels, series, style, words
from report.dots_figure import dots_figure
from report.series import Floats
from report.signature import time_range_s
from report.step_response import step_figure, step_finding

WANTED: dict[str, Any] = {"color": style.BLUE, "linewidth": 0.9}
Arms = Mapping[str, Sequence[Run]]  # an arm's repeats, the middle one first


@dataclass(frozen=True)
class Extra:
    """A figure, what it shows, and what is found in it. It needs all repeats, or only the middle one of each arm."""

    draw: Callable[[Arms], Figure | None]
    caption: str
    all_repeats: bool = False
    finding: Callable[[Arms], str] = lambda _: ""


def starts_figure(arms: Arms) -> Figure | None:
    """Decision to service and to first answer of every instance ordered under load, two rows an arm, all repeats
    together; None where there was none."""
    samples = {}
    for name, runs in arms.items():
        samples[f"{name}: in service"] = [value for run in runs for value in series.in_service_ms(run)]
        samples[f"{name}: first answer"] = [value for run in runs for value in series.first_answers_ms(run)]
    known = {name: values for name, values in samples.items() if values}
    return dots_figure(known, "time since the decision (ms)") if known else None


def wanted_figure(arms: Arms) -> Figure:
    """The instances wanted in each arm and those needed, a panel an arm on the same axes."""
    with style.look():
        figure, grid = style.page_figure(12.0 + 32.0 * len(arms), rows=len(arms), sharex=True, sharey=True)
        for letter, (axes,), (name, (run, *_)) in zip("abcdefgh", grid, arms.items(), strict=False):
            axes.step(run.ticks["t_s"], run.ticks["wanted"].ffill(), where="post", **WANTED)
            if (needed := series.needed_instances(run)) is not None:
                axes.step(needed["t_s"], needed["needed"], where="post", **style.LINES["needed"])
            style.panel_title(axes, letter, f"{name}: {words.plural(len(run.decisions), 'decision')}")
            axes.set_ylabel("instances")
        grid[0][0].set_xlim(*time_range_s(next(iter(arms.values()))[0]))
        grid[0][0].set_ylim(bottom=0)
        grid[0][0].yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        looks = {"wanted": WANTED, "needed": style.LINES["needed"]}
        style.panel_legend(grid[0][0], [Line2D([], [], label=name, **look) for name, look in looks.items()])
        grid[-1][0].set_xlabel("time since the controller's start (s)")
        style.margins(figure, left=11.6, top=4.9, gap=7.2)
    return figure


def loops_figure(arms: Arms) -> Figure:
    """What each loop offered and which latency it saw over time, and how its latencies are distributed."""
    with style.look():
        figure, grid = style.page_figure(62.0, columns=3, width_ratios=(1, 1, 0.9))
        load, latency, tail = grid[0]
        for look, (name, (run, *_)) in zip(style.ARMS, arms.items(), strict=False):
            draw_loop(load, latency, run, name, look)
            draw_ccdf(tail, run, look, name)
        finish_loops(load, latency, tail)
        style.margins(figure, left=11.6, top=4.9)
        figure.subplots_adjust(wspace=0.3)
    return figure


def draw_loop(load: Axes, latency: Axes, run: Run, name: str, look: Mapping[str, Any]) -> None:
    start_s, end_s = time_range_s(run)
    edges_s = series.bin_edges(0.0, end_s - start_s, series.bin_width_s(end_s - start_s, most_bins=90))
    moved = run.requests.assign(due_s=run.requests["due_s"] - start_s, done_s=run.requests["done_s"] - start_s)
    load.plot((edges_s[:-1] + edges_s[1:]) / 2, series.rate_per_bin(moved["due_s"], edges_s), label=name, **look)
    seen = series.latency_per_bin(moved, edges_s)
    latency.plot(seen["t_s"], seen["p95"], **look)


def finish_loops(load: Axes, latency: Axes, tail: Axes) -> None:
    style.panel_title(load, "a", "Offered load (requests/s)")
    style.panel_title(latency, "b", "p95 latency (ms)")
    style.panel_title(tail, "c", "Share slower than")
    load.set_ylim(bottom=0)
    load.legend(loc="best")
    latency.set_yscale("log")
    panels.log_axis(latency.yaxis, *latency.get_ylim())
    ccdf_axes(tail)
    for axes in (load, latency):
        axes.set_xlabel("time since the load began (s)")


def draw_ccdf(axes: Axes, run: Run, look: Mapping[str, Any], name: str = "") -> Floats:
    """The share of served requests that took longer, over the latency; returns the latencies in ms, sorted."""
    latency_ms = np.sort(series.latencies_ms(run.requests))
    share = 1.0 - np.arange(1, len(latency_ms) + 1) / len(latency_ms)
    axes.step(latency_ms, np.maximum(share, 0.5 / max(len(latency_ms), 1)), where="post", label=name, **look)
    return latency_ms


def ccdf_axes(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    panels.log_axis(axes.xaxis, *axes.get_xlim())
    bottom = max(5e-5, axes.get_ylim()[0])
    axes.set_yticks([1.0, 0.1, 0.01, 0.001, 0.0001], ["100 %", "10 %", "1 %", "0.1 %", "0.01 %"])
    axes.set_ylim(bottom, 1.2)
    axes.set_xlabel("latency from the due time (ms)")


EXTRAS: dict[str, Extra] = {
    "step": Extra(
        step_figure,
        "The instances in service around (a) the step up and (b) the step down: the median of the repeats, in a band "
        "from the fewest to the most.",
        all_repeats=True,
        finding=step_finding,
    ),
    "spawn": Extra(
        starts_figure,
        "From the decision until an instance was in service, and until its first answer, by variant: every dot is an "
        "instance that was ordered under load, of all repeats; bars are medians. A new instance waits for its turn "
        "among those that are as idle as it is.",
        all_repeats=True,
    ),
    "oscillation": Extra(
        wanted_figure, "The instances that each variant’s policy wanted and those that were needed, middle repeats."
    ),
    "open-closed": Extra(
        loops_figure,
        "The same nominal load, open and closed: (a) what was really offered, (b) the latency that was seen, (c) the "
        "share of served requests that took longer.",
    ),
}
