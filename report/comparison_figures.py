"""The figures of the comparison of policies: what quality costs, and the tails of the latency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.loading import Run
from report import style
from report.arm_figures import ccdf_axes, draw_ccdf
from report.labels import Point, label_points

LINEAR_PERCENT = 0.1  # below, the axis of lost requests is linear, so that zero has a place on it
PANEL_MM = 62.0


@dataclass(frozen=True)
class Plane:
    """Policies under one load. Points are (cost over the oracle's, requests not served in percent), one a repeat;
    `frontier` is a fixed number of instances each."""

    load: str
    points: Mapping[str, Sequence[Point]]
    frontier: Sequence[Point]
    best: frozenset[str]


def plane_figure(planes: Sequence[Plane]) -> Figure:
    """What each policy costs and what it loses, a panel a load."""
    with style.look():
        figure, grid = style.page_figure(PANEL_MM * len(planes) + 6, rows=len(planes))
        style.margins(figure, left=12.5, top=4.9, gap=12.5, right=2)
        for letter, (axes,), plane in zip("abcdefgh", grid, planes, strict=False):
            style.panel_title(axes, letter if len(planes) > 1 else "", f"Load: {plane.load}")
            draw_plane(axes, plane)
        grid[-1][0].set_xlabel("cost, times the oracle’s")
    return figure


def draw_plane(axes: Axes, plane: Plane) -> None:
    means = {name: tuple(np.mean(points, axis=0)) for name, points in plane.points.items()}
    every = [point for points in plane.points.values() for point in points]
    limit_plane(axes, every)
    draw_frontier(axes, plane.frontier)
    axes.plot(*zip(*every, strict=True), "o", ms=2.2, mew=0, color=style.SKY, zorder=2)
    for name, (cost, lost) in means.items():
        fill = style.BLUE if name in plane.best else "white"
        axes.plot(cost, lost, "o", ms=4.4, mew=0.9, mec=style.BLUE, mfc=fill, zorder=3)
    axes.plot(1.0, 0.0, "*", ms=8, mec="black", mew=0.5, mfc=style.GREEN, zorder=4, clip_on=False)
    label_points(axes, ["oracle", *means], [(1.0, 0.0), *means.values()], plane.frontier, plane.best)


def draw_frontier(axes: Axes, frontier: Sequence[Point]) -> None:
    """Fixed fleets, with their number of instances above the line."""
    if not frontier:
        return
    axes.plot(*zip(*frontier, strict=True), "-", color=style.GREY, linewidth=0.8, marker=".", ms=3, zorder=1)
    for number, point in enumerate(frontier, start=1):
        axes.annotate(
            str(number), point, (2, 1), textcoords="offset points", ha="left", va="bottom", fontsize=6.0,
            color=style.GREY, annotation_clip=True,
        )  # fmt: skip


def limit_plane(axes: Axes, points: Sequence[Point]) -> None:
    costs, losses = zip(*points, strict=True)
    axes.set_yscale("symlog", linthresh=LINEAR_PERCENT, linscale=0.5)
    ticks = [0.0, 0.1, 1.0, 10.0, 100.0]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_ylim(-0.02, max(1.0, 1.6 * max(losses)))
    axes.set_xlim(min(0.9, *costs) - 0.05, 1.05 * max(costs) + 0.1)
    axes.set_ylabel("not served (%)")


def ccdf_figure(middle: Mapping[str, Mapping[str, Run]], best: Mapping[str, frozenset[str]]) -> Figure:
    """The share of served requests that took longer than the time on the axis: a panel a load, a line a policy.

    The policies in `best` have a line style and a name, the others are thin and grey."""
    with style.look():
        figure, grid = style.page_figure(70.0, columns=len(middle), sharey=True)
        for letter, axes, (load, runs) in zip("abcdefgh", grid[0], middle.items(), strict=False):
            style.panel_title(axes, letter if len(middle) > 1 else "", f"Load: {load}")
            for name in sorted(runs, key=lambda name: name in best[load]):
                place = sorted(best[load]).index(name) if name in best[load] else None
                look = style.OTHERS if place is None else style.ARMS[place % len(style.ARMS)]
                draw_ccdf(axes, runs[name], look, "" if place is None else name)
            ccdf_axes(axes)
            axes.legend(loc="upper right", handlelength=1.8)
        grid[0][0].set_ylabel("share of served requests")
        style.margins(figure, left=12.5, top=4.9, right=2)
        figure.subplots_adjust(wspace=0.08)
    return figure
