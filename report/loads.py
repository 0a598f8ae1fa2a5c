"""The loads of the experiments side by side, and how difficult each of them is to follow."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.loading import Run
from report import environment, style, words
from report.series import Floats
from report.study import Study

LATE_S = 1.0
COLUMNS, ROW_MM, MOST = 6, 25.0, 24
MOST_STEPS = 5000  # that are drawn of a load


@dataclass(frozen=True)
class Offered:
    """What was due in each second since the load began."""

    name: str
    rps: Floats

    @property
    def difficulty(self) -> float:
        """The share of the requests by which a second had more than the one before it."""
        return float(np.maximum(np.diff(self.rps), 0.0).sum() / self.rps.sum())


def offered_of(name: str, run: Run) -> Offered:
    due_s = run.requests["due_s"].to_numpy(dtype=np.float64)
    since_s = due_s - due_s.min()
    counts = np.bincount(np.floor(since_s / LATE_S).astype(np.int64))
    whole = counts[:-1] if len(counts) > 2 else counts  # the last second is cut off
    return Offered(name, whole / LATE_S)


def loads_of(studies: Iterable[Study], singles: Iterable[Run]) -> list[Offered]:
    """Each load once, whatever its seed, the easiest first; closed loops have none of their own."""
    found: dict[str, Offered] = {}
    for name, run in named_runs(studies, singles):
        shape = environment.section(run.info, "shape")
        if shape.get("kind") not in (None, "closed") and not run.requests.empty:
            key = words.plain({name: value for name, value in shape.items() if name not in ("seed", "shape")})
            found.setdefault(key, offered_of(name, run))
    return sorted(found.values(), key=lambda each: each.difficulty)[:MOST]


def named_runs(studies: Iterable[Study], singles: Iterable[Run]) -> Iterator[tuple[str, Run]]:
    """A middle repeat of each load of each experiment, where arms are <arm>/<load>, and the single runs."""
    for study in studies:
        for arm, run in study.middle.items():
            load = arm.rpartition("/")[2] if "/" in arm else ""
            yield f"{study.name}{', ' + load if load else ''}", run
    for run in singles:
        yield f"{environment.section(run.info, 'shape').get('kind')}, single run", run


def loads_figure(loads: Sequence[Offered]) -> Figure:
    """The requests that are due, a small panel a load."""
    columns = min(COLUMNS, len(loads))
    rows = -(-len(loads) // columns)
    with style.look():
        figure, grid = style.page_figure(ROW_MM * rows + 5, rows=rows, columns=columns)
        for axes in grid.flat[len(loads) :]:
            axes.remove()
        for axes, offered in zip(grid.flat, loads, strict=False):
            draw_load(axes, offered)
        for axes in grid[:, 0]:
            axes.set_ylabel("requests/s")
        for axes in grid.flat[len(loads) - columns : len(loads)]:
            axes.set_xlabel("time (s)")
        style.margins(figure, left=10, top=8.0, gap=13.5)
        figure.subplots_adjust(wspace=0.34)
    return figure


def draw_load(axes: Axes, offered: Offered) -> None:
    rps, width_s = steps_of(offered.rps)
    times_s = np.arange(len(rps) + 1) * width_s
    axes.stairs(rps, times_s, color=style.BLUE, linewidth=0.9, fill=False, baseline=None)
    axes.set_xlim(0, times_s[-1])
    axes.set_ylim(0, 1.1 * float(rps.max()))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.set_title(f"{offered.name}\nG {words.share(offered.difficulty, 1.0)}", loc="left", pad=3.0)


def steps_of(rps: Floats) -> tuple[Floats, float]:
    """The steps that are drawn and how long each is: a second, or of a long load so many that there are few; what is
    left of the last one is not drawn."""
    each = -(-len(rps) // MOST_STEPS)
    whole = rps[: len(rps) // each * each].reshape(-1, each)
    return np.asarray(whole.mean(axis=1), dtype=np.float64), each * LATE_S


def finding(loads: Sequence[Offered]) -> str:
    """The easiest and the hardest."""
    first, last = loads[0], loads[-1]
    if len(loads) < 2:
        return f"{first.name} has a G of {words.share(first.difficulty, 1.0)}."
    return (
        f"The easiest to follow is {first.name} ({words.share(first.difficulty, 1.0)}), the hardest {last.name} "
        f"({words.share(last.difficulty, 1.0)})."
    )
